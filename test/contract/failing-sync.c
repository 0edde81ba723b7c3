/* Preloaded into a child: after FAILS_AFTER calls every fdatasync fails with EIO, as on a dying disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int calls;

int fdatasync(int descriptor) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  const char *limit = getenv("FAILS_AFTER");
  if (limit != NULL && atomic_fetch_add(&calls, 1) >= atoi(limit)) {
    errno = EIO;
    return -1;
  }
  return real(descriptor);
}
