// Preloaded into a server (LD_PRELOAD): stands between it and libc for every call that changes, syncs
// or opens a file below one folder. It writes these calls to a journal, and makes one of them fail.
//
//   TALLY_FILES_BELOW   the folder; a path without symbolic links
//   TALLY_JOURNAL       the journal, which is outside of the folder; its format is `struct record`
//   TALLY_FAULT_PLAN    a file that holds a `struct plan`, which another process changes
//
// Calls are made one at a time, so that the order of the journal is the order of the calls.
// What is written to memory that is mapped from a file passes by unseen, and so does libuv's close,
// which asks the kernel without libc.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
  OPEN = 1,
  OPEN_TO_READ,
  WRITE,
  WRITE_SYNCED,  // through a descriptor that syncs what it writes
  SYNC,
  TRUNCATE,
  MKDIR,
  LINK,
  RENAME,
  UNLINK,
  RMDIR,
  CLOSE,
};

enum fault {
  NONE,
  IO_ERROR,
  NO_SPACE,
  IO_ERROR_DONE,  // the call is made, and then said to have failed
  SHORT_WRITE,
  SHORT_WRITE_THEN_FULL,
  CRASH_BEFORE,
  CRASH_AFTER,
  FULL_FROM_HERE,   // no space, and none for later calls
  BROKEN_FROM_HERE  // an error, and for all later calls
};

enum { CREATED = 1, TRUNCATED = 2, INJECTED = 4 };

struct plan {
  int32_t recording;
  int32_t armed;
  int32_t kind;
  int32_t nth;  // which call of that kind with such a path, from 1
  int32_t fault;
  int32_t seen;
  int32_t fired;
  int32_t lasting;  // the errno of all later calls
  char pattern[224];
};

struct record {
  uint32_t kind;
  int32_t result;  // minus errno if it failed
  uint32_t flags;
  uint32_t path_bytes;
  uint32_t other_bytes;
  uint32_t data_bytes;
  uint64_t inode;
  uint64_t offset;
};

struct call {
  enum kind kind;
  const char *path;
  const char *other;  // the new name
  uint32_t flags;
  uint64_t inode;
  uint64_t offset;
  const struct iovec *data;
  enum fault fault;
};

static char root[PATH_MAX];
static size_t root_bytes;
static int journal = -1;
static struct plan *plan;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

// The function of that name in libc.
#define NEXT(type, name, ...)                   \
  static type (*next)(__VA_ARGS__);             \
  if (next == NULL) next = dlsym(RTLD_NEXT, name)

static void start(void) {
  const char *below = getenv("TALLY_FILES_BELOW");
  if (below == NULL || root_bytes > 0) return;
  int (*next_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
  const char *file = getenv("TALLY_JOURNAL");
  if (file != NULL) journal = next_open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  file = getenv("TALLY_FAULT_PLAN");
  if (file != NULL) {
    int fd = next_open(file, O_RDWR | O_CLOEXEC);
    void *mapped = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || mapped == MAP_FAILED) abort();
    plan = mapped;
  }
  snprintf(root, sizeof root, "%s", below);
  root_bytes = strlen(root);
}

__attribute__((constructor)) static void load(void) { start(); }

static int is_below(const char *path) {
  return root_bytes > 0 && strncmp(path, root, root_bytes) == 0 &&
         (path[root_bytes] == '/' || path[root_bytes] == '\0');
}

// The path of an open file below the folder; 0 if it is not there.
static int path_of(int fd, char path[PATH_MAX]) {
  if (root_bytes == 0 || fd == journal) return 0;
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t bytes = readlink(link, path, PATH_MAX - 1);
  if (bytes < 0) return 0;
  path[bytes] = '\0';
  return is_below(path);
}

static uint64_t inode_of(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static const char *relative(const char *path) {
  return path[root_bytes] == '/' ? path + root_bytes + 1 : ".";
}

static int takes_space(enum kind kind) {
  return kind == OPEN || kind == WRITE || kind == WRITE_SYNCED || kind == MKDIR || kind == LINK ||
         kind == RENAME;
}

static enum fault fault_of(const struct call *call) {
  if (plan == NULL || !plan->armed) return NONE;
  if (plan->lasting != 0) {
    if (plan->lasting == EIO) return IO_ERROR;
    return takes_space(call->kind) ? NO_SPACE : NONE;
  }
  if (plan->fired || (int32_t)call->kind != plan->kind) return NONE;
  if (fnmatch(plan->pattern, relative(call->path), 0) != 0) return NONE;
  if (++plan->seen != plan->nth) return NONE;
  plan->fired = 1;
  if (plan->fault == SHORT_WRITE_THEN_FULL) plan->lasting = ENOSPC;
  if (plan->fault == FULL_FROM_HERE) {
    plan->lasting = ENOSPC;
    return NO_SPACE;
  }
  if (plan->fault == BROKEN_FROM_HERE) {
    plan->lasting = EIO;
    return IO_ERROR;
  }
  return plan->fault;
}

static void crash(void) {
  kill(getpid(), SIGKILL);
  pause();
}

// Begins a call; 0 if it is to fail without having been made, and errno says how.
static int enter(struct call *call) {
  pthread_mutex_lock(&one_at_a_time);
  call->fault = fault_of(call);
  if (call->fault != NONE) call->flags |= INJECTED;
  if (call->fault == CRASH_BEFORE) crash();
  errno = call->fault == NO_SPACE ? ENOSPC : EIO;
  return call->fault != IO_ERROR && call->fault != NO_SPACE;
}

static void record(const struct call *call, ssize_t result) {
  if (journal < 0 || (plan != NULL && !plan->recording)) return;
  const char *path = relative(call->path);
  const char *other = call->other == NULL ? "" : relative(call->other);
  size_t data_bytes = call->data != NULL && result > 0 ? (size_t)result : 0;
  struct record head = {
      .kind = call->kind,
      .result = result < 0 ? -errno : (int32_t)result,
      .flags = call->flags,
      .path_bytes = strlen(path),
      .other_bytes = strlen(other),
      .data_bytes = data_bytes,
      .inode = call->inode,
      .offset = call->offset,
  };
  size_t bytes = sizeof head + head.path_bytes + head.other_bytes + data_bytes;
  char *buffer = malloc(bytes);
  if (buffer == NULL) abort();
  char *end = mempcpy(buffer, &head, sizeof head);
  end = mempcpy(end, path, head.path_bytes);
  end = mempcpy(end, other, head.other_bytes);
  for (const struct iovec *part = call->data; data_bytes > 0; part++) {
    size_t part_bytes = part->iov_len < data_bytes ? part->iov_len : data_bytes;
    end = mempcpy(end, part->iov_base, part_bytes);
    data_bytes -= part_bytes;
  }
  NEXT(ssize_t, "write", int, const void *, size_t);
  // One write that appends: other processes write to the journal too.
  if (next(journal, buffer, bytes) != (ssize_t)bytes) abort();
  free(buffer);
}

// Ends a call; what it returns is what the program sees.
static ssize_t leave(struct call *call, ssize_t result) {
  int error = errno;
  record(call, result);
  if (call->fault == CRASH_AFTER) crash();
  if (call->fault == IO_ERROR_DONE) {
    result = -1;
    error = EIO;
  }
  pthread_mutex_unlock(&one_at_a_time);
  errno = error;
  return result;
}

// ---- opening and closing -------------------------------------------------------------------------

static int open_file(int folder, const char *path, int flags, mode_t mode) {
  NEXT(int, "openat64", int, const char *, int, ...);
  start();
  if (!is_below(path)) return next(folder, path, flags, mode);
  struct call call = {.kind = flags & (O_WRONLY | O_RDWR | O_CREAT) ? OPEN : OPEN_TO_READ,
                      .path = path};
  int fd = -1;
  if (enter(&call)) {
    if ((flags & O_CREAT) && access(path, F_OK) != 0) call.flags |= CREATED;
    if (flags & O_TRUNC) call.flags |= TRUNCATED;
    fd = next(folder, path, flags, mode);
    if (fd >= 0) call.inode = inode_of(fd);
  }
  int made = fd;
  fd = leave(&call, fd);
  if (fd < 0 && made >= 0) close(made);
  return fd;
}

#define OPEN_AT(name)                                           \
  int name(int folder, const char *path, int flags, ...) {      \
    va_list rest;                                               \
    va_start(rest, flags);                                      \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;   \
    va_end(rest);                                               \
    return open_file(folder, path, flags, mode);                \
  }
OPEN_AT(openat)
OPEN_AT(openat64)

#define OPEN_PATH(name)                                         \
  int name(const char *path, int flags, ...) {                  \
    va_list rest;                                               \
    va_start(rest, flags);                                      \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;   \
    va_end(rest);                                               \
    return open_file(AT_FDCWD, path, flags, mode);              \
  }
OPEN_PATH(open)
OPEN_PATH(open64)

int close(int fd) {
  NEXT(int, "close", int);
  char path[PATH_MAX];
  if (!path_of(fd, path)) return next(fd);
  struct call call = {.kind = CLOSE, .path = path};
  // A descriptor is closed even if that fails.
  int may = enter(&call), error = errno;
  int result = next(fd);
  if (!may) {
    errno = error;
    result = -1;
  }
  return leave(&call, result);
}

// ---- writing -------------------------------------------------------------------------------------

typedef ssize_t write_parts(int fd, const struct iovec *parts, int count, off64_t offset);

static ssize_t write_short(int fd, const struct iovec *parts, int count, off64_t offset,
                           write_parts *write_all) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  // A part of the first piece; a single byte cannot be written in part.
  struct iovec part = parts[0];
  if (total > 1 && part.iov_len > 1) part.iov_len = count > 1 ? part.iov_len - 1 : total / 2;
  return write_all(fd, &part, 1, offset);
}

static ssize_t write_file(int fd, const struct iovec *parts, int count, off64_t offset,
                          write_parts *write_all) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return write_all(fd, parts, count, offset);
  int is_synced = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  struct call call = {.kind = is_synced ? WRITE_SYNCED : WRITE, .path = path, .data = parts};
  call.inode = inode_of(fd);
  ssize_t result = -1;
  if (enter(&call)) {
    int is_short = call.fault == SHORT_WRITE || call.fault == SHORT_WRITE_THEN_FULL;
    result = is_short ? write_short(fd, parts, count, offset, write_all)
                      : write_all(fd, parts, count, offset);
    int error = errno;
    call.offset = offset >= 0 ? offset : lseek64(fd, 0, SEEK_CUR) - (result > 0 ? result : 0);
    errno = error;
  }
  return leave(&call, result);
}

static ssize_t write_at_position(int fd, const struct iovec *parts, int count, off64_t offset) {
  (void)offset;
  NEXT(ssize_t, "writev", int, const struct iovec *, int);
  return next(fd, parts, count);
}

static ssize_t write_at_offset(int fd, const struct iovec *parts, int count, off64_t offset) {
  NEXT(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
  return next(fd, parts, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  return write_file(fd, &part, 1, -1, write_at_position);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_file(fd, parts, count, -1, write_at_position);
}

#define PWRITE(name)                                                          \
  ssize_t name(int fd, const void *bytes, size_t count, off64_t offset) {     \
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};        \
    return write_file(fd, &part, 1, offset, write_at_offset);                 \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name)                                                             \
  ssize_t name(int fd, const struct iovec *parts, int count, off64_t offset) {    \
    return write_file(fd, parts, count, offset, write_at_offset);                 \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define TRUNCATE_FILE(name)                                                     \
  int name(int fd, off64_t bytes) {                                             \
    NEXT(int, #name, int, off64_t);                                             \
    char path[PATH_MAX];                                                        \
    if (!path_of(fd, path)) return next(fd, bytes);                             \
    struct call call = {                                                        \
        .kind = TRUNCATE, .path = path, .inode = inode_of(fd), .offset = bytes}; \
    return leave(&call, enter(&call) ? next(fd, bytes) : -1);                   \
  }
TRUNCATE_FILE(ftruncate)
TRUNCATE_FILE(ftruncate64)

// ---- syncing -------------------------------------------------------------------------------------

#define SYNC_FILE(name)                                                       \
  int name(int fd) {                                                          \
    NEXT(int, #name, int);                                                    \
    char path[PATH_MAX];                                                      \
    if (!path_of(fd, path)) return next(fd);                                  \
    struct call call = {.kind = SYNC, .path = path, .inode = inode_of(fd)};   \
    return leave(&call, enter(&call) ? next(fd) : -1);                        \
  }
SYNC_FILE(fsync)
SYNC_FILE(fdatasync)

// ---- names ---------------------------------------------------------------------------------------

#define CHANGE_NAMES(name, kind_of_call)                                        \
  int name(const char *from, const char *to) {                                  \
    NEXT(int, #name, const char *, const char *);                               \
    if (!is_below(from) || !is_below(to)) return next(from, to);                \
    struct call call = {.kind = kind_of_call, .path = from, .other = to};       \
    return leave(&call, enter(&call) ? next(from, to) : -1);                    \
  }
CHANGE_NAMES(link, LINK)
CHANGE_NAMES(rename, RENAME)

#define REMOVE(name, kind_of_call)                                \
  int name(const char *path) {                                    \
    NEXT(int, #name, const char *);                               \
    if (!is_below(path)) return next(path);                       \
    struct call call = {.kind = kind_of_call, .path = path};      \
    return leave(&call, enter(&call) ? next(path) : -1);          \
  }
REMOVE(unlink, UNLINK)
REMOVE(rmdir, RMDIR)

int mkdir(const char *path, mode_t mode) {
  NEXT(int, "mkdir", const char *, mode_t);
  if (!is_below(path)) return next(path, mode);
  struct call call = {.kind = MKDIR, .path = path};
  return leave(&call, enter(&call) ? next(path, mode) : -1);
}
