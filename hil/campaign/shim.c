/* Preloaded into the unit: a wall clock that is wrong, a disk that is slow or full, a resolver that hangs, by a file of four numbers:
 * seconds added to CLOCK_REALTIME, milliseconds a sync takes, errno of writes to regular files (0: none), milliseconds until a name resolves. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *orders(void) {
    static const volatile long long *found;
    static const long long none[4];
    if (!found) {
        const char *path = getenv("HIL_SHIM");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *page = fd < 0 ? MAP_FAILED : mmap(0, 32, PROT_READ, MAP_SHARED, fd, 0);
        if (fd >= 0) close(fd);
        found = page == MAP_FAILED ? none : page;
    }
    return found;
}

static int refused(int fd) {
    struct stat info;
    int code = (int)orders()[2];
    if (!code || fstat(fd, &info) || !S_ISREG(info.st_mode)) return 0;
    errno = code;
    return 1;
}

static void drag(int which) {
    long long ms = orders()[which];
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    if (ms) nanosleep(&pause, 0);
}

#define REAL(result, name, ...) static result (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

int clock_gettime(clockid_t id, struct timespec *at) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int code = real(id, at);
    if (!code && id == CLOCK_REALTIME) at->tv_sec += orders()[0];
    return code;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

int fsync(int fd) { REAL(int, "fsync", int); drag(1); return real(fd); }
int fdatasync(int fd) { REAL(int, "fdatasync", int); drag(1); return real(fd); }

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    REAL(int, "getaddrinfo", const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct in_addr number; /* numbers need no resolver */
    if (name && !inet_aton(name, &number)) drag(3);
    return real(name, service, hints, found);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return refused(fd) ? -1 : real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return refused(fd) ? -1 : real(fd, data, size, at);
}
