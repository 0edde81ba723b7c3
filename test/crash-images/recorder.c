/*
 * Preloaded into an engine process: writes down what it asks of the disk below RECORDER_FOLDER, and what it answers on
 * its sockets, in one order, into RECORDER_LOG. An entry is written before the call is made, with the bytes, and a short
 * one after it has returned; both are numbered by one counter, so that a reader knows what was under way at any moment.
 *
 * RECORDER_FAIL="TEXT:N": the n-th flush of a file with TEXT in its path fails with EIO, once; RECORDER_KILL="TEXT:N": the
 * process is killed when it asks for that flush. A flush is a sync, or a write through a descriptor that was opened to
 * sync with each write.
 *
 * RECORDER_BOOT_ID names a file that is read in place of the system's identity of its last start.
 *
 *   entry   bytes u32, kind u32, number u64, offset i64, inode u64, flags u32, path, other and data bytes u32 each,
 *           then path, other path (of a rename) and data
 *   end     the same of kind 0: offset is the number of the entry, inode what the call returned
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { END, WRITE, SYNC, TRUNCATE, CREATE, MAKE_FOLDER, RENAME, REMOVE, ANSWER, MAPPED };
enum { SYNCED = 1 };
enum { DESCRIPTORS = 65536 };

struct file {
  dev_t device;
  uint64_t inode;
  int is_synced;
  int is_appended;
  char path[PATH_MAX];
};

static struct file *files[DESCRIPTORS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t counter;
static int log_descriptor = -1;
static const char *folder;

struct trigger {
  char text[PATH_MAX];
  long left;
};
static struct trigger failure, death;

#define REAL(name) \
  static __typeof__(name) *real; \
  if (real == NULL) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static ssize_t write_log(const void *bytes, size_t count) {
  REAL(write);
  for (size_t done = 0; done < count;) {
    ssize_t written = real(log_descriptor, (const char *)bytes + done, count - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) abort();
    done += written;
  }
  return count;
}

static void set(struct trigger *trigger, const char *text) {
  const char *colon = text == NULL ? NULL : strrchr(text, ':');
  if (colon == NULL) return;
  memcpy(trigger->text, text, colon - text);
  trigger->left = atol(colon + 1);
}

/* The engine runs small programs, too: they record nothing. */
__attribute__((constructor)) static void start(void) {
  const char *log = getenv("RECORDER_LOG");
  if (log == NULL || strcmp(program_invocation_short_name, "node") != 0) return;
  REAL(open);
  folder = getenv("RECORDER_FOLDER");
  set(&failure, getenv("RECORDER_FAIL"));
  set(&death, getenv("RECORDER_KILL"));
  log_descriptor = real(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_watched(const char *path) {
  return log_descriptor >= 0 && folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

/* libuv closes without `close`: under the number of a file there may be something else by now. */
static struct file *file_of(int descriptor) {
  struct file *file = descriptor >= 0 && descriptor < DESCRIPTORS ? files[descriptor] : NULL;
  struct stat status;
  if (file == NULL || fstat(descriptor, &status) != 0) return file;
  if (status.st_dev != file->device || status.st_ino != file->inode) files[descriptor] = NULL;
  return files[descriptor];
}

struct header {
  uint32_t bytes, kind;
  uint64_t number;
  int64_t offset;
  uint64_t inode;
  uint32_t flags, path_bytes, other_bytes, data_bytes;
};

struct entry {
  enum kind kind;
  int64_t offset;
  uint64_t inode;
  uint32_t flags;
  const char *path, *other;
  const struct iovec *data;
  int parts;
};

static uint64_t begin(struct entry entry) {
  int saved = errno;
  size_t data_bytes = 0;
  for (int part = 0; part < entry.parts; part += 1) data_bytes += entry.data[part].iov_len;
  struct header header = {.kind = entry.kind, .offset = entry.offset, .inode = entry.inode, .flags = entry.flags};
  header.path_bytes = entry.path == NULL ? 0 : strlen(entry.path);
  header.other_bytes = entry.other == NULL ? 0 : strlen(entry.other);
  header.data_bytes = data_bytes;
  header.bytes = sizeof header + header.path_bytes + header.other_bytes + data_bytes;

  char *bytes = malloc(header.bytes);
  char *at = bytes + sizeof header;
  memcpy(at, entry.path, header.path_bytes);
  at += header.path_bytes;
  if (header.other_bytes > 0) memcpy(at, entry.other, header.other_bytes);
  at += header.other_bytes;
  for (int part = 0; part < entry.parts; part += 1) {
    memcpy(at, entry.data[part].iov_base, entry.data[part].iov_len);
    at += entry.data[part].iov_len;
  }
  pthread_mutex_lock(&mutex);
  header.number = ++counter;
  memcpy(bytes, &header, sizeof header);
  write_log(bytes, header.bytes);
  pthread_mutex_unlock(&mutex);
  free(bytes);
  errno = saved;
  return header.number;
}

static void end(uint64_t number, int64_t result) {
  int saved = errno;
  struct header header = {.bytes = sizeof header, .kind = END, .offset = number, .inode = result};
  pthread_mutex_lock(&mutex);
  header.number = ++counter;
  write_log(&header, sizeof header);
  pthread_mutex_unlock(&mutex);
  errno = saved;
}

static int is_met(struct trigger *trigger, const struct file *file) {
  if (trigger->text[0] == '\0' || strstr(file->path, trigger->text) == NULL) return 0;
  return __atomic_sub_fetch(&trigger->left, 1, __ATOMIC_SEQ_CST) == 0;
}

/* Whether this flush is to fail. May not return. */
static int fails(const struct file *file) {
  if (is_met(&death, file)) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  return is_met(&failure, file);
}

/* Of a descriptor that was just opened, or would have been. */
static int opened(int descriptor, const char *path, int flags, uint64_t created) {
  struct stat status;
  if (descriptor >= 0 && descriptor < DESCRIPTORS && fstat(descriptor, &status) == 0) {
    struct file *file = calloc(1, sizeof *file);
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->is_synced = (flags & (O_DSYNC | O_SYNC)) != 0;
    file->is_appended = (flags & O_APPEND) != 0;
    snprintf(file->path, sizeof file->path, "%s", path);
    files[descriptor] = file;
    if (created != 0) end(created, status.st_ino);
    else if ((flags & O_TRUNC) != 0) {
      uint64_t number = begin((struct entry){.kind = TRUNCATE, .inode = file->inode, .path = path});
      end(number, 0);
    }
  } else if (created != 0) end(created, -1);
  return descriptor;
}

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static const char *boot_id(void) {
  const char *other = getenv("RECORDER_BOOT_ID");
  return other == NULL || other[0] == '\0' ? BOOT_ID : other;
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    REAL(name); \
    va_list arguments; \
    va_start(arguments, flags); \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0; \
    va_end(arguments); \
    if (strcmp(path, BOOT_ID) == 0) path = boot_id(); \
    if (!is_watched(path)) return real(path, flags, mode); \
    int is_new = (flags & O_CREAT) != 0 && access(path, F_OK) != 0; \
    uint64_t created = is_new ? begin((struct entry){.kind = CREATE, .path = path}) : 0; \
    return opened(real(path, flags, mode), path, flags, created); \
  }
OPEN(open)
OPEN(open64)

int close(int descriptor) {
  REAL(close);
  if (file_of(descriptor) != NULL) files[descriptor] = NULL;
  return real(descriptor);
}

/* An answer to a client: text of the protocol on a socket. */
static void answer(int descriptor, const struct iovec *data, int parts) {
  if (log_descriptor < 0 || descriptor == log_descriptor) return;
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  begin((struct entry){.kind = ANSWER, .path = "", .data = data, .parts = parts});
}

static uint64_t begin_write(const struct file *file, int64_t offset, const struct iovec *data, int parts) {
  uint32_t flags = file->is_synced ? SYNCED : 0;
  return begin((struct entry){WRITE, offset, file->inode, flags, file->path, NULL, data, parts});
}

static int64_t position(int descriptor, const struct file *file) {
  struct stat status;
  if (!file->is_appended) return lseek(descriptor, 0, SEEK_CUR);
  return fstat(descriptor, &status) == 0 ? status.st_size : 0;
}

/* What failed to reach the disk is in the page cache all the same. */
#define WRITTEN(offset, data, parts, call) \
  do { \
    struct file *file = file_of(descriptor); \
    if (file == NULL) { \
      if (is_answer) answer(descriptor, data, parts); \
      return call; \
    } \
    uint64_t number = begin_write(file, offset, data, parts); \
    ssize_t written = call; \
    if (written >= 0 && file->is_synced && fails(file)) { \
      written = -1; \
      errno = EIO; \
    } \
    end(number, written); \
    return written; \
  } while (0)

ssize_t write(int descriptor, const void *bytes, size_t count) {
  REAL(write);
  enum { is_answer = 1 };
  struct iovec data = {(void *)bytes, count};
  WRITTEN(position(descriptor, file), &data, 1, real(descriptor, bytes, count));
}

ssize_t writev(int descriptor, const struct iovec *data, int parts) {
  REAL(writev);
  enum { is_answer = 1 };
  WRITTEN(position(descriptor, file), data, parts, real(descriptor, data, parts));
}

#define PWRITE(name, offset_type) \
  ssize_t name(int descriptor, const void *bytes, size_t count, offset_type offset) { \
    REAL(name); \
    enum { is_answer = 0 }; \
    struct iovec data = {(void *)bytes, count}; \
    WRITTEN(offset, &data, 1, real(descriptor, bytes, count, offset)); \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PWRITEV(name, offset_type) \
  ssize_t name(int descriptor, const struct iovec *data, int parts, offset_type offset) { \
    REAL(name); \
    enum { is_answer = 0 }; \
    WRITTEN(offset, data, parts, real(descriptor, data, parts, offset)); \
  }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

ssize_t send(int descriptor, const void *bytes, size_t count, int flags) {
  REAL(send);
  answer(descriptor, &(struct iovec){(void *)bytes, count}, 1);
  return real(descriptor, bytes, count, flags);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
  REAL(sendmsg);
  answer(descriptor, message->msg_iov, message->msg_iovlen);
  return real(descriptor, message, flags);
}

#define SYNCS(name) \
  int name(int descriptor) { \
    REAL(name); \
    struct file *file = file_of(descriptor); \
    if (file == NULL) return real(descriptor); \
    uint64_t number = begin((struct entry){.kind = SYNC, .inode = file->inode, .path = file->path}); \
    int result; \
    if (fails(file)) { \
      result = -1; \
      errno = EIO; \
    } else result = real(descriptor); \
    end(number, result); \
    return result; \
  }
SYNCS(fsync)
SYNCS(fdatasync)

#define TRUNCATES(name, offset_type) \
  int name(int descriptor, offset_type size) { \
    REAL(name); \
    struct file *file = file_of(descriptor); \
    if (file == NULL) return real(descriptor, size); \
    uint64_t number = begin((struct entry){.kind = TRUNCATE, .offset = size, .inode = file->inode, .path = file->path}); \
    int result = real(descriptor, size); \
    end(number, result); \
    return result; \
  }
TRUNCATES(ftruncate, off_t)
TRUNCATES(ftruncate64, off64_t)

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  if (!is_watched(path)) return real(path, mode);
  uint64_t number = begin((struct entry){.kind = MAKE_FOLDER, .path = path});
  int result = real(path, mode);
  end(number, result);
  return result;
}

int rename(const char *from, const char *to) {
  REAL(rename);
  if (!is_watched(from)) return real(from, to);
  uint64_t number = begin((struct entry){.kind = RENAME, .path = from, .other = to});
  int result = real(from, to);
  end(number, result);
  return result;
}

#define REMOVES(name) \
  int name(const char *path) { \
    REAL(name); \
    if (!is_watched(path)) return real(path); \
    uint64_t number = begin((struct entry){.kind = REMOVE, .path = path}); \
    int result = real(path); \
    end(number, result); \
    return result; \
  }
REMOVES(unlink)
REMOVES(rmdir)

/* A file written through memory leaves no trace here: a reader of the log must know. */
void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off64_t offset) {
  REAL(mmap64);
  struct file *file = file_of(descriptor);
  if (file != NULL && (protection & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0) {
    begin((struct entry){.kind = MAPPED, .inode = file->inode, .path = file->path});
  }
  return real(address, length, protection, flags, descriptor, offset);
}
