/* Lets writes and syncs below one directory fail while the program runs (LD_PRELOAD).
 *
 * The directory and a control file are named by DISK_DIR and DISK_CONTROL; files are left alone whose
 * name does not hold DISK_ONLY. The control file is mapped by whoever is to give orders
 * (tests/support/faulty_disk.py): what is to go wrong, and with which effect, counted from the order
 * on; 0 means with each that it concerns. An effect is a write, a truncation, a removal, a new file
 * or a sync. A sync that fails takes back what was written since the last one: the kernel drops such
 * pages and forgets that it did.
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
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum fault { WELL, FULL, READ_ONLY, SYNC_FAILS, BROKEN, CRASH_BEFORE, CRASH_AFTER, SLOW };
enum effect { WRITE, REMOVE, SYNC };

static volatile struct { uint32_t fault, nth, effects, struck; } *control;

#define FDS_MAX 4096
#define SLOW_US 600000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char is_ours[FDS_MAX];
static char directory[PATH_MAX];
static const char *only;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *wanted = getenv("DISK_DIR"), *path = getenv("DISK_CONTROL");
    only = getenv("DISK_ONLY");
    if (wanted == NULL || path == NULL || realpath(wanted, directory) == NULL) return;
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) abort();
    control = mapped;
    REAL(close)(fd);
}

static int concerns(const char *path) {
    return control != NULL && strncmp(path, directory, strlen(directory)) == 0 &&
           (only == NULL || strstr(path, only) != NULL);
}

static int is_struck(uint32_t fault, enum effect effect) {
    switch (fault) {
    case FULL: return effect == WRITE;
    case READ_ONLY: return effect != SYNC;
    case SYNC_FAILS: case SLOW: return effect == SYNC;
    default: return fault != WELL;
    }
}

/* Count one effect; return the error it is to end with, or 0. */
static int strike(enum effect effect, int *crashes_after) {
    pthread_mutex_lock(&lock);
    uint32_t fault = control->fault, number = ++control->effects;
    int struck = control->nth ? number == control->nth && fault != WELL : is_struck(fault, effect);
    if (struck) control->struck++;
    pthread_mutex_unlock(&lock);
    *crashes_after = struck && fault == CRASH_AFTER;
    if (!struck || fault == CRASH_AFTER) return 0;
    switch (fault) {
    case FULL: return ENOSPC;
    case READ_ONLY: return EROFS;
    case CRASH_BEFORE: raise(SIGKILL); return EIO;
    case SLOW: usleep(SLOW_US); return 0;
    default: return EIO;
    }
}

#define UNLESS_STRUCK(concerned, effect, type, call)                           \
    do {                                                                       \
        int crashes = 0, error = (concerned) ? strike(effect, &crashes) : 0;   \
        if (error) { errno = error; return -1; }                               \
        type outcome = (call);                                                 \
        if (crashes) raise(SIGKILL);                                           \
        return outcome;                                                        \
    } while (0)

#define FD_CONCERNS(fd) ((fd) >= 0 && (fd) < FDS_MAX && is_ours[fd])

/* What stood where something was written that no sync has covered yet, the latest first. */
struct undo { struct undo *next; int fd; off_t at, length; size_t had; char old[]; };
static struct undo *undos;

static void note_undo(int fd, size_t size, off_t at) {
    struct undo *undo = malloc(sizeof *undo + size);
    if (undo == NULL) abort();
    ssize_t had = REAL(pread)(fd, undo->old, size, at);
    *undo = (struct undo){.next = undos, .fd = fd, .at = at, .had = had > 0 ? (size_t)had : 0,
                          .length = REAL(lseek)(fd, 0, SEEK_END)};
    pthread_mutex_lock(&lock);
    undos = undo;
    pthread_mutex_unlock(&lock);
}

static void settle(int fd, int takes_back) {
    pthread_mutex_lock(&lock);
    for (struct undo **place = &undos; *place != NULL;) {
        struct undo *undo = *place;
        if (undo->fd != fd) { place = &undo->next; continue; }
        if (takes_back) {
            if (REAL(pwrite)(fd, undo->old, undo->had, undo->at) != (ssize_t)undo->had) abort();
            if (REAL(ftruncate)(fd, undo->length) != 0) abort();
        }
        *place = undo->next;
        free(undo);
    }
    pthread_mutex_unlock(&lock);
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < FDS_MAX) is_ours[fd] = (char)concerns(path);
    return fd;
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
        int is_new = (flags & O_CREAT) && concerns(path) && access(path, F_OK); \
        UNLESS_STRUCK(is_new, WRITE, int, opened(REAL(function)(path, flags, mode), path)); \
    }
OPENS(open)
OPENS(open64)

int close(int fd) {
    if (FD_CONCERNS(fd)) settle(fd, 0);
    if (fd >= 0 && fd < FDS_MAX) is_ours[fd] = 0;
    return REAL(close)(fd);
}

#define PWRITES(function, offset_type)                                         \
    ssize_t function(int fd, const void *data, size_t size, offset_type at) {  \
        if (FD_CONCERNS(fd)) note_undo(fd, size, at);                          \
        UNLESS_STRUCK(FD_CONCERNS(fd), WRITE, ssize_t, REAL(function)(fd, data, size, at)); \
    }
PWRITES(pwrite, off_t)
PWRITES(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    UNLESS_STRUCK(FD_CONCERNS(fd), WRITE, ssize_t, REAL(write)(fd, data, size));
}

#define TRUNCATES(function, offset_type)                                       \
    int function(int fd, offset_type size) {                                   \
        UNLESS_STRUCK(FD_CONCERNS(fd), REMOVE, int, REAL(function)(fd, size)); \
    }
TRUNCATES(ftruncate, off_t)
TRUNCATES(ftruncate64, off64_t)

static int synced(int fd, int outcome) {
    if (FD_CONCERNS(fd)) settle(fd, outcome != 0);
    return outcome;
}

#define SYNCS(function)                                                        \
    static int try_##function(int fd) {                                        \
        UNLESS_STRUCK(FD_CONCERNS(fd), SYNC, int, REAL(function)(fd));         \
    }                                                                          \
    int function(int fd) { return synced(fd, try_##function(fd)); }
SYNCS(fsync)
SYNCS(fdatasync)

int unlink(const char *path) { UNLESS_STRUCK(concerns(path), REMOVE, int, REAL(unlink)(path)); }
