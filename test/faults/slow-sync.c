/* Preloaded into a child: every fdatasync takes SYNC_MS milliseconds longer, as on a disk that others wear out. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int fdatasync(int descriptor) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  long ms = atol(getenv("SYNC_MS"));
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
  return real(descriptor);
}
