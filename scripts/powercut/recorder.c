/* Records, in order, every write, sync, truncation and removal below one directory (LD_PRELOAD).
 *
 * The directory and the file to record to are named by POWERCUT_DIR and POWERCUT_TRACE; with
 * POWERCUT_ONLY, files are left out whose name does not hold that text. A write is
 * recorded before it is made, a sync after it has returned: what stands behind a sync in the record
 * was promised, what stands in front of none was not. One lock makes the record's order that of
 * the calls. Read by scripts/powercut/disk.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, TRUNCATE = 3, SYNC = 4, UNLINK = 5, SYNC_DIR = 6 };

#define FDS_MAX 4096
#define NAME_MAX_BYTES 128

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char names[FDS_MAX][NAME_MAX_BYTES];  /* of what is open below the directory, by descriptor */
static int trace_fd = -1;
static char directory[PATH_MAX];
static size_t directory_bytes;

static const char *only;

static ssize_t (*real_write)(int, const void *, size_t);

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *wanted = getenv("POWERCUT_DIR");
    const char *trace = getenv("POWERCUT_TRACE");
    only = getenv("POWERCUT_ONLY");
    real_write = REAL(write);
    if (wanted == NULL || trace == NULL || realpath(wanted, directory) == NULL) return;
    directory_bytes = strlen(directory);
    trace_fd = REAL(open)(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* One record: kind, length of name, length of data, offset; then name and data. */
static void record(uint8_t kind, const char *name, uint64_t offset, const void *data, uint32_t size) {
    struct __attribute__((packed)) { uint8_t kind; uint8_t name_bytes; uint32_t size; uint64_t offset; }
        head = {kind, (uint8_t)strlen(name), size, offset};
    /* One call, so that records of several processes do not mix. */
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name_bytes}, {(void *)data, size}};
    if (writev(trace_fd, parts, 3) != (ssize_t)(sizeof head + head.name_bytes + size)) abort();
}

static const char *name_below(const char *path) {
    if (trace_fd < 0 || strncmp(path, directory, directory_bytes) != 0) return NULL;
    if (path[directory_bytes] == '\0') return ".";
    if (path[directory_bytes] != '/') return NULL;
    return only == NULL || strstr(path + directory_bytes, only) ? path + directory_bytes + 1 : NULL;
}

static const char *name_of(int fd) {
    return fd >= 0 && fd < FDS_MAX && names[fd][0] ? names[fd] : NULL;
}

static void opened(int fd, const char *path, int is_new) {
    const char *name = name_below(path);
    if (fd < 0 || fd >= FDS_MAX) return;
    names[fd][0] = '\0';
    if (name == NULL || strlen(name) >= NAME_MAX_BYTES) return;
    strcpy(names[fd], name);
    if (is_new) record(OPEN, name, 0, NULL, 0);
}

#define OPENS(function)                                                        \
    int function(const char *path, int flags, ...) {                           \
        mode_t mode = 0;                                                       \
        if (flags & (O_CREAT | O_TMPFILE)) {                                   \
            va_list rest;                                                      \
            va_start(rest, flags);                                             \
            mode = va_arg(rest, mode_t);                                       \
            va_end(rest);                                                      \
        }                                                                      \
        pthread_mutex_lock(&lock);                                             \
        int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;             \
        int fd = REAL(function)(path, flags, mode);                            \
        opened(fd, path, is_new);                                              \
        pthread_mutex_unlock(&lock);                                           \
        return fd;                                                             \
    }
OPENS(open)
OPENS(open64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS_MAX) names[fd][0] = '\0';
    int outcome = REAL(close)(fd);
    pthread_mutex_unlock(&lock);
    return outcome;
}

#define PWRITES(function, offset_type)                                         \
    ssize_t function(int fd, const void *data, size_t size, offset_type at) {  \
        pthread_mutex_lock(&lock);                                             \
        const char *name = name_of(fd);                                        \
        if (name) record(WRITE, name, (uint64_t)at, data, (uint32_t)size);     \
        ssize_t outcome = REAL(function)(fd, data, size, at);                  \
        if (name && outcome != (ssize_t)size) abort();                         \
        pthread_mutex_unlock(&lock);                                           \
        return outcome;                                                        \
    }
PWRITES(pwrite, off_t)
PWRITES(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    pthread_mutex_lock(&lock);
    const char *name = name_of(fd);
    if (name) {
        struct stat status;
        off_t at = fstat(fd, &status) == 0 ? status.st_size : 0; /* what is written so is appended */
        record(WRITE, name, (uint64_t)at, data, (uint32_t)size);
    }
    ssize_t outcome = real_write(fd, data, size);
    pthread_mutex_unlock(&lock);
    return outcome;
}

#define TRUNCATES(function, offset_type)                                       \
    int function(int fd, offset_type size) {                                   \
        pthread_mutex_lock(&lock);                                             \
        const char *name = name_of(fd);                                        \
        if (name) record(TRUNCATE, name, (uint64_t)size, NULL, 0);             \
        int outcome = REAL(function)(fd, size);                                \
        pthread_mutex_unlock(&lock);                                           \
        return outcome;                                                        \
    }
TRUNCATES(ftruncate, off_t)
TRUNCATES(ftruncate64, off64_t)

#define SYNCS(function)                                                        \
    int function(int fd) {                                                     \
        pthread_mutex_lock(&lock); /* no write may slip in between the sync and its record */ \
        int outcome = REAL(function)(fd);                                      \
        const char *name = name_of(fd);                                        \
        if (name && outcome == 0)                                              \
            record(strcmp(name, ".") ? SYNC : SYNC_DIR, name, 0, NULL, 0);     \
        pthread_mutex_unlock(&lock);                                           \
        return outcome;                                                        \
    }
SYNCS(fsync)
SYNCS(fdatasync)

int unlink(const char *path) {
    pthread_mutex_lock(&lock);
    const char *name = name_below(path);
    if (name) record(UNLINK, name, 0, NULL, 0);
    int outcome = REAL(unlink)(path);
    pthread_mutex_unlock(&lock);
    return outcome;
}
