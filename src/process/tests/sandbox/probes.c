/* Attempts to get out of a sandbox. argv: the name of one, what it needs. Exits with 0 if it got
   out, with 1 if the kernel said no (and says how), with 2 if it was not to be tried here. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/xattr.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int out(int won) {
    if (won) { puts("out"); return 0; }
    printf("denied: %s\n", strerror(errno));
    return 1;
}

static int reads(const char *path) {
    char byte;
    int fd = open(path, O_RDONLY);
    return fd >= 0 && read(fd, &byte, 1) == 1;
}

static int path_socket(const char *path, const char *name, int type) {
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    socklen_t length = sizeof to;
    if (path) strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    else {
        strncpy(to.sun_path + 1, name, sizeof to.sun_path - 2);
        length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    }
    int fd = socket(AF_UNIX, type, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&to, length) == 0;
}

static int inet(int type, int protocol, const char *port) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, type, protocol);
    if (fd < 0) return 0;
    if (type == SOCK_DGRAM) return sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to) == 1;
    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
}

static int child_in(unsigned long flags) {
    int status;
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    return pid > 0 && waitpid(pid, &status, 0) == pid;
}

static int via_pair(const char *path) {
    /* A datagram socket of a pair, sent elsewhere. */
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int pair[2];
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0) return 0;
    return sendto(pair[0], "x", 1, 0, (struct sockaddr *)&to, sizeof to) == 1;
}

static int one_fd(const char *path) {
    int n = 0;
    for (int fd = 4; fd < 4096; fd++) if (fcntl(fd, F_GETFD) >= 0) n++;
    (void)path;
    errno = EBADF;
    return n > 0;
}

/* A file by this descriptor would run as its owner. */
static int is_set_id(int fd) {
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) return 0;
    errno = EPERM;
    return (st.st_mode & 06000) != 0;
}

/* Opens with the given bits in the mode. */
static int opened(const char *how, const char *path, int mode) {
    uint64_t how2[3] = { O_CREAT | O_RDWR, mode, 0 };
#ifdef SYS_open
    if (!strcmp(how, "open")) return syscall(SYS_open, path, O_CREAT | O_RDWR, mode);
    if (!strcmp(how, "creat")) return syscall(SYS_creat, path, mode);
#endif
    if (!strcmp(how, "openat")) return syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_RDWR, mode);
    if (!strcmp(how, "high")) /* The kernel ignores the upper half of both. */
        return syscall(SYS_openat, AT_FDCWD, path, 1ul << 40 | O_CREAT | O_RDWR, 1ul << 40 | mode);
    if (!strcmp(how, "tmpfile")) return syscall(SYS_openat, AT_FDCWD, path, O_TMPFILE | O_RDWR, mode);
    if (!strcmp(how, "openat2")) return syscall(SYS_openat2, AT_FDCWD, path, how2, sizeof how2);
    /* Without a flag that creates, the mode is what happens to be in the register. */
    if (!strcmp(how, "existing")) return syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, mode);
    return -1;
}

/* Something that a file system does through a descriptor that is open for reading. Its own errors do
   not count: the request came through. */
static int requested(const char *path, const char *number) {
    char buffer[8192] = { 0 };
    int fd = open(path, O_RDONLY);
    return fd >= 0 && (ioctl(fd, strtoul(number, 0, 16), buffer) >= 0 || errno != EPERM);
}

/* Gives the process what it has already. */
static int schedules(const char *how, pid_t pid) {
    struct sched_param param = { 0 };
    unsigned attr[16] = { 64 };
    cpu_set_t set;
    int status[1] = { 0 };
    void *page[1] = { 0 };
#define HOW(text) if (!strcmp(how, text))
    HOW("scheduler") return sched_setscheduler(pid, SCHED_OTHER, &param) == 0;
    HOW("param") return sched_setparam(pid, &param) == 0;
    HOW("affinity") return sched_getaffinity(pid, sizeof set, &set) == 0 && sched_setaffinity(pid, sizeof set, &set) == 0;
    HOW("attr") return syscall(SYS_sched_getattr, pid, attr, sizeof attr, 0) == 0 && syscall(SYS_sched_setattr, pid, attr, 0) == 0;
    HOW("nice") return setpriority(PRIO_PROCESS, pid, getpriority(PRIO_PROCESS, pid)) == 0;
    HOW("nice-group") return setpriority(PRIO_PGRP, pid ? getpgid(pid) : 0, getpriority(PRIO_PROCESS, pid)) == 0;
    HOW("nice-user") return setpriority(PRIO_USER, pid ? getuid() : 0, getpriority(PRIO_PROCESS, 0)) == 0;
    HOW("io") return syscall(SYS_ioprio_set, 1, pid, syscall(SYS_ioprio_get, 1, pid)) == 0;
    HOW("io-group") return syscall(SYS_ioprio_set, 2, pid ? getpgid(pid) : 0, 0) == 0;
    HOW("io-user") return syscall(SYS_ioprio_set, 3, pid ? getuid() : 0, 0) == 0;
    HOW("pages") return syscall(SYS_move_pages, pid, 1, page, 0, status, 0) == 0;
    return 0;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "", *a = argc > 2 ? argv[2] : "";
    const char *b = argc > 3 ? argv[3] : "";
    pid_t pid = atoi(a);
    char path[4096];
#define IS(text) if (!strcmp(name, text))
    IS("read") return out(reads(a));
    IS("create") return out(open(a, O_CREAT | O_EXCL | O_WRONLY, 0644) >= 0);
    IS("append") return out(open(a, O_WRONLY | O_APPEND) >= 0);
    IS("list") return out(open(a, O_RDONLY | O_DIRECTORY) >= 0);
    IS("mkdir") return out(mkdir(a, 0755) == 0);
    IS("mkfifo") return out(mkfifo(a, 0644) == 0);
    IS("unlink") return out(unlink(a) == 0);
    IS("rename") return out(rename(a, b) == 0);
    IS("link") return out(link(a, b) == 0);
    IS("symlink-read") return out(symlink(a, b) == 0 && reads(b));
    IS("symlink-make") return out(symlink(a, b) == 0);
    IS("truncate") return out(truncate(a, 0) == 0);
    IS("open-truncate") return out(open(a, O_WRONLY | O_TRUNC) >= 0);
    IS("chmod") return out(chmod(a, 0640) == 0);
    IS("set-id") {
        int fd = open(a, O_CREAT | O_RDWR, 0755);
        return out(fd >= 0 && (chmod(a, 04755) == 0 || fchmod(fd, 04755) == 0 ||
            fchmodat(AT_FDCWD, a, 02755, 0) == 0));
    }
    IS("set-id-open") return out(is_set_id(opened(b, a, 06755)));
    IS("set-user-id-open") return out(is_set_id(opened(b, a, 04755)));
    IS("set-group-id-open") return out(is_set_id(opened(b, a, 02755)));
    IS("open") return out(opened(b, a, strtol(argc > 4 ? argv[4] : "0", 0, 8)) >= 0);
    IS("set-id-mkdir") return out(mkdir(a, 06755) == 0 && is_set_id(open(a, O_RDONLY)));
    IS("set-id-mknod") return out(mknod(a, S_IFREG | 06755, 0) == 0);
    IS("set-id-fchmodat2") return out(syscall(452, AT_FDCWD, a, 04755, 0) == 0);
    IS("ioctl") return out(requested(a, b));
    IS("set-flags") {
        int fd = open(a, O_RDONLY), flags;
        if (ioctl(fd, 0x80086601, &flags) < 0) return 2;
        flags ^= 0x40; /* nodump */
        return out(ioctl(fd, 0x40086602, &flags) == 0);
    }
    IS("file-setattr") {
        uint64_t attributes[3] = { 0 };
        if (syscall(468, AT_FDCWD, a, attributes, sizeof attributes, 0) < 0) return 2;
        attributes[0] ^= 0x80;
        return out(syscall(469, AT_FDCWD, a, attributes, sizeof attributes, 0) == 0);
    }
    IS("inotify") {
        int fd = inotify_init1(0);
        return out(fd >= 0 && inotify_add_watch(fd, a, IN_ALL_EVENTS) >= 0);
    }
#ifdef SYS_inotify_init
    IS("inotify-old") {
        int fd = syscall(SYS_inotify_init);
        return out(fd >= 0 && inotify_add_watch(fd, a, IN_ALL_EVENTS) >= 0);
    }
#endif
    IS("fanotify") {
        int fd = syscall(SYS_fanotify_init, 0x200, 0);
        return out(fd >= 0 && syscall(SYS_fanotify_mark, fd, 1, 2ul, AT_FDCWD, a) == 0);
    }
    IS("lease") return out(fcntl(open(a, O_RDONLY), F_SETLEASE, F_RDLCK) == 0);
    IS("schedule") return out(schedules(b, pid ? pid : getppid()));
    IS("schedule-own") return out(schedules(b, 0));
    IS("schedule-own-id") return out(schedules(b, getpid()));
    IS("exec") {
        execl(a, a, b, (char *)0);
        return out(0);
    }
    IS("exit") { puts("out"); return 0; }
    IS("euid") return out(geteuid() != getuid());
    IS("tcp") return out(inet(SOCK_STREAM, 0, a));
    IS("mptcp") return out(inet(SOCK_STREAM, 262, a));
    IS("udp") return out(inet(SOCK_DGRAM, 0, a));
    IS("fastopen") {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(a)) };
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        return out(fd >= 0 && sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof to) == 1);
    }
    IS("listen-unbound") {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        return out(fd >= 0 && listen(fd, 1) == 0);
    }
    IS("listen") {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in at = { .sin_family = AF_INET };
        return out(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0);
    }
    IS("raw") return out(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);
    IS("packet") return out(socket(AF_PACKET, SOCK_RAW, 0) >= 0);
    IS("vsock") return out(socket(AF_VSOCK, SOCK_STREAM, 0) >= 0);
    IS("alg") return out(socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0);
    IS("netlink") return out(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) >= 0);
    IS("uevents") return out(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT) >= 0);
    IS("path-socket") return out(path_socket(a, 0, SOCK_STREAM));
    IS("abstract-socket") return out(path_socket(0, a, SOCK_STREAM));
    IS("pair-to-socket") return out(via_pair(a));
    IS("pair") {
        int pair[2];
        return out(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && write(pair[0], "x", 1) == 1);
    }
    IS("io-uring") {
        char params[120] = { 0 };
        return out(syscall(SYS_io_uring_setup, 4, params) >= 0);
    }
    IS("ptrace") return out(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0);
    IS("signal") return out(kill(pid ? pid : getppid(), 0) == 0);
    IS("signal-pidfd") {
        int fd = syscall(SYS_pidfd_open, pid, 0);
        return out(fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, 0, 0) == 0);
    }
    IS("proc") {
        snprintf(path, sizeof path, "/proc/%s/%s", a, b);
        return out(reads(path));
    }
    IS("proc-dir") {
        snprintf(path, sizeof path, "/proc/%s/%s", a, b);
        return out(open(path, O_RDONLY | O_DIRECTORY) >= 0);
    }
    IS("memory") {
        char mine[8];
        struct iovec here = { mine, 8 }, there = { (void *)strtoul(b, 0, 10), 8 };
        return out(process_vm_readv(pid, &here, 1, &there, 1, 0) == 8);
    }
    IS("prlimit") {
        /* The new limits at a multiple of 4 GiB: half of the pointer is null. */
        struct rlimit *both = mmap((void *)(1ul << 32), 4096, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        return out(prlimit(pid, RLIMIT_CORE, 0, both) == 0 && prlimit(pid, RLIMIT_CORE, both, 0) == 0);
    }
    IS("prlimit-own") {
        struct rlimit both;
        return out(getrlimit(RLIMIT_NOFILE, &both) == 0 && setrlimit(RLIMIT_NOFILE, &both) == 0);
    }
    IS("nice-all") return out(setpriority(PRIO_USER, 0, 0) == 0);
    IS("shm") {
        int id = shmget(IPC_PRIVATE, 4096, 0600);
        return out(id >= 0 && shmctl(id, IPC_RMID, 0) == 0);
    }
    IS("queue") {
        long id = syscall(SYS_mq_open, "obs-probe", O_CREAT | O_RDWR, 0600, 0);
        return out(id >= 0 && syscall(SYS_mq_unlink, "obs-probe") == 0);
    }
    IS("xattr") return out(setxattr(a, "user.obs", "x", 1, 0) == 0);
    IS("take-fd") {
        int fd = syscall(SYS_pidfd_open, pid, 0);
        return out(fd >= 0 && syscall(SYS_pidfd_getfd, fd, 0, 0) >= 0);
    }
    IS("unshare-user") return out(unshare(CLONE_NEWUSER) == 0);
    IS("unshare-mount") return out(unshare(CLONE_NEWNS) == 0);
    IS("clone-user") return out(child_in(CLONE_NEWUSER));
    IS("clone-net") return out(child_in(CLONE_NEWUSER | CLONE_NEWNET));
    IS("clone") return out(child_in(0));
    IS("clone3") {
        unsigned long arguments[11] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD };
        long child = syscall(435, arguments, 88);
        if (child == 0) _exit(0);
        return out(child > 0);
    }
    IS("setns") {
        int fd = open("/proc/self/ns/mnt", O_RDONLY);
        return out(fd >= 0 && setns(fd, CLONE_NEWNS) == 0);
    }
    IS("mount") return out(mount("none", a, "tmpfs", 0, 0) == 0 && umount(a) == 0);
    IS("fsopen") return out(syscall(SYS_fsopen, "tmpfs", 0) >= 0);
    IS("chroot") return out(chroot(a) == 0);
    IS("keys") return out(syscall(SYS_add_key, "user", "obs-probe", "x", 1, -2) >= 0);
    IS("bpf") {
        unsigned attributes[32] = { 2, 4, 4, 1 };
        return out(syscall(SYS_bpf, 0, attributes, sizeof attributes) >= 0);
    }
    IS("perf") {
        unsigned attributes[32] = { 1, sizeof attributes };
        return out(syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0) >= 0);
    }
    IS("userfault") return out(syscall(SYS_userfaultfd, 1) >= 0);
    IS("handle") {
        struct { struct file_handle head; char rest[128]; } handle;
        int mount, dir = open("/proc/self/fd", O_PATH);
        handle.head.handle_bytes = 128;
        if (name_to_handle_at(AT_FDCWD, a, &handle.head, &mount, 0) < 0) return 2;
        dir = open(b, O_RDONLY | O_DIRECTORY);
        return out(open_by_handle_at(dir, &handle.head, O_RDONLY) >= 0);
    }
    IS("terminal") return out(ioctl(0, TIOCSTI, "x") == 0 || errno != EPERM);
    IS("chown") return out(chown(a, 1, 1) == 0);
    IS("capabilities") {
        unsigned head[2] = { 0x20080522, 0 }, sets[6] = { 0 };
        syscall(SYS_capget, head, sets);
        errno = EPERM;
        return out(sets[0] || sets[1] || sets[2] || sets[3] || sets[4] || sets[5]);
    }
    IS("fds") return out(one_fd(a));
#ifdef __x86_64__
    IS("x32") return out(syscall(0x40000000 | SYS_getpid) > 0 || errno != ENOSYS);
    IS("i386") {
        long answer;
        __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20) : "memory");
        return out(answer > 0);
    }
#endif
    return 2;
}
