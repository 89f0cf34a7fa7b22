/* A plugin that tries to get out: in its constructor and again when it gathers it makes every attempt of a list, and
 * reports the error number of each, 0 where it got through. What the lock answers with death is tried one by one:
 * LETHAL names it, IN_CONSTRUCTOR says when. PARENT is the agent's process. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "goodstead_plugin.h"

__attribute__((unused)) static char first[16384] = "{}";
static int constructing;

static void *nothing(void *argument) { return argument; }

static int thread(void) {
    pthread_t made;
    errno = pthread_create(&made, NULL, nothing, NULL);
    return errno == 0 ? 0 : -1;
}

static int forked(int child) {
    if (child == 0) {
        _exit(0);
    }
    return child;
}

static int library(const char *name) {
    errno = 0;
    if (dlopen(name, RTLD_NOW) != NULL) {
        return 0;
    }
    errno = errno == 0 ? EPERM : errno;
    return -1;
}

static int executable(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? 0 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int mapped(int protection) {
    return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int writable_and_executable(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? 0 : mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int executable_stack(void) {
    volatile char here;
    return mprotect((void *)((uintptr_t)&here & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* Its own code, which is in a file: written to, it would be other code. */
static int writable_code(void) {
    return mprotect((void *)((uintptr_t)&executable & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int advised(int advice) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? 0 : madvise(page, 4096, advice);
}

/* A message whose address and control data are in memory. */
static int message(int descriptor, int flags, int with_address, int with_descriptor) {
    struct sockaddr_un address = {AF_UNIX, "/dev/log"};
    struct iovec part = {"x", 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (with_address) {
        message.msg_name = &address;
        message.msg_namelen = sizeof address;
    }
    if (with_descriptor) {
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    return sendmsg(descriptor, &message, flags);
}

static int many_messages(void) {
    struct iovec part = {"x", 1};
    struct mmsghdr messages[1] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}}};
    return sendmmsg(3, messages, 1, 0);
}

static int many_received(void) {
    char byte;
    struct iovec part = {&byte, 1};
    struct mmsghdr messages[1] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}}};
    return recvmmsg(3, messages, 1, MSG_DONTWAIT, NULL);
}

/* Control data, and with them descriptors, come from the agent alone. */
static int received_elsewhere(void) {
    int ends[2];
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || write(ends[1], "x", 1) != 1) {
        return 0;
    }
    return recvmsg(ends[0], &message, 0);
}

/* Priority inheritance names a thread by the number that is in memory, and says whether there is one. */
static int futex(int operation) {
    uint32_t owner = PARENT;
    struct timespec now = {0, 0};
    return syscall(SYS_futex, &owner, operation, 0, &now, NULL, 0);
}

/* As the kernel numbers the clocks of other processes and threads. */
static int clock_of(int number, int kind) {
    struct timespec time;
    return syscall(SYS_clock_gettime, (int)(~(unsigned)number << 3 | (unsigned)kind), &time);
}

static int clock_known(int clock) {
    struct timespec time;
    return syscall(SYS_clock_gettime, clock, &time);
}

static int folder(const char *path) { return opendir(path) == NULL ? -1 : 0; }

static int parents(const char *file) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", PARENT, file);
    return open(path, O_RDONLY);
}

static int attached_filter(void) {
    /* Descriptor 3 is the runner's socket. */
    struct {
        unsigned short length;
        void *code;
    } program = {0, NULL};
    return setsockopt(3, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int sent_to(void) {
    struct sockaddr_un address = {AF_UNIX, "/dev/log"};
    return sendto(3, "x", 1, 0, (struct sockaddr *)&address, sizeof address);
}

static int connected(void) {
    struct sockaddr_un address = {AF_UNIX, "/dev/log"};
    return connect(3, (struct sockaddr *)&address, sizeof address);
}

static int bound(void) {
    struct sockaddr_un address = {AF_UNIX, "/tmp/goodstead-lock"};
    return bind(3, (struct sockaddr *)&address, sizeof address);
}

static int pair(int kind) {
    int ends[2];
    return socketpair(AF_UNIX, kind, 0, ends);
}

__attribute__((unused)) static void attempt_all(char *facts, size_t size) {
    struct stat seen;
    int one = 1;
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    char *const none[] = {NULL};
    char character = 'x', scratch[64];
    socklen_t length = sizeof scratch;
    int written = snprintf(facts, size, "{");
#define TRY(name, call)                                                                                            \
    do {                                                                                                           \
        errno = 0;                                                                                                 \
        long outcome = (long)(call);                                                                               \
        int problem = outcome < 0 ? errno : 0;                                                                     \
        written += snprintf(facts + written, size - written, "%s\"%s\": %d", written > 1 ? ", " : "", name, problem); \
    } while (0)
    TRY("open a secret", open("/etc/shadow", O_RDONLY));
    TRY("open what anybody may read", open("/etc/passwd", O_RDONLY));
    TRY("open a library", open("/lib64/ld-linux-x86-64.so.2", O_RDONLY));
    TRY("open a place", open("/etc/passwd", O_PATH));
    TRY("open with the newest call", syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &limit, 24));
    TRY("open itself", open("/proc/self/environ", O_RDONLY));
    TRY("open a descriptor anew", open("/proc/self/fd/3", O_RDWR));
    TRY("open the agent's memory", parents("mem"));
    TRY("open the agent's environment", parents("environ"));
    TRY("open the null device", open("/dev/null", O_RDWR));
    TRY("make a file", open("/tmp/goodstead-lock", O_CREAT | O_WRONLY, 0600));
    TRY("make a nameless file", open("/tmp", O_TMPFILE | O_WRONLY, 0600));
    TRY("make a file in memory", memfd_create("lock", 0));
    TRY("list a folder", folder("/"));
    TRY("look at a file", stat("/etc/passwd", &seen));
    TRY("look as the loader does", fstatat(0, "/etc/passwd", &seen, AT_EMPTY_PATH));
    TRY("look at a link", lstat("/etc/passwd", &seen));
    TRY("look with the newest call", syscall(SYS_statx, AT_FDCWD, "/etc/passwd", 0, 0xfff, &seen));
    TRY("ask for access", access("/etc/passwd", R_OK));
    TRY("read a link", readlink("/proc/self/exe", scratch, sizeof scratch));
    TRY("change a mode", chmod("/tmp", 0777));
    TRY("change an owner", chown("/tmp", 0, 0));
    TRY("make a folder", mkdir("/tmp/goodstead-lock", 0700));
    TRY("make a link", symlink("/etc/shadow", "/tmp/goodstead-lock"));
    TRY("make a pipe in a folder", mkfifo("/tmp/goodstead-lock", 0600));
    TRY("take a file away", unlink("/tmp/goodstead-lock"));
    TRY("cut a file", truncate("/tmp/goodstead-lock", 0));
    TRY("change the folder", chdir("/tmp"));
    TRY("a TCP socket", socket(AF_INET, SOCK_STREAM, 0));
    TRY("a UDP socket", socket(AF_INET6, SOCK_DGRAM, 0));
    TRY("an MPTCP socket", socket(AF_INET, SOCK_STREAM, 262));
    TRY("a Unix socket", socket(AF_UNIX, SOCK_STREAM, 0));
    TRY("a netlink socket", socket(AF_NETLINK, SOCK_RAW, 0));
    TRY("a vsock socket", socket(AF_VSOCK, SOCK_STREAM, 0));
    TRY("a packet socket", socket(AF_PACKET, SOCK_RAW, 0));
    TRY("a pair of sockets that can be pointed elsewhere", pair(SOCK_DGRAM));
    TRY("connect", connected());
    TRY("bind", bound());
    TRY("listen", listen(3, 1));
    TRY("send elsewhere", sent_to());
    TRY("connect by a flag", sendto(3, "x", 1, MSG_FASTOPEN, NULL, 0));
    TRY("send beside the stream", send(3, "x", 1, MSG_OOB));
    TRY("send without copying", send(3, "x", 1, MSG_ZEROCOPY));
    TRY("send without routing", send(3, "x", 1, MSG_DONTROUTE));
    TRY("send a message", message(3, 0, 0, 0));
    TRY("send a message elsewhere", message(3, 0, 1, 0));
    TRY("send a message that connects", message(3, MSG_FASTOPEN, 1, 0));
    TRY("send a descriptor", message(3, 0, 0, 1));
    TRY("send messages", many_messages());
    TRY("receive messages", many_received());
    TRY("receive a message from anybody", received_elsewhere());
    TRY("receive beside the stream", recv(3, scratch, 1, MSG_OOB | MSG_DONTWAIT));
    TRY("receive errors", recv(3, scratch, 1, MSG_ERRQUEUE | MSG_DONTWAIT));
    TRY("splice", syscall(SYS_splice, 3, NULL, 3, NULL, 1, 0));
    TRY("splice from memory", syscall(SYS_vmsplice, 3, scratch, 1, 0));
    TRY("send a file", syscall(SYS_sendfile, 3, 0, NULL, 1));
    TRY("fast open on a socket", setsockopt(3, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof one));
    TRY("credentials on a socket", setsockopt(3, SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    TRY("the peer's credentials", getsockopt(3, SOL_SOCKET, SO_PEERCRED, scratch, &length));
    TRY("filter a socket", attached_filter());
    TRY("fork", forked(fork()));
    TRY("fork with the oldest call", forked((int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)));
    TRY("fork with the newest call", syscall(SYS_clone3, &limit, 64));
    TRY("a thread", thread());
    TRY("run a program", execve("/bin/true", none, none));
    TRY("run a program by descriptor", syscall(SYS_execveat, 0, "", none, none, AT_EMPTY_PATH));
    TRY("signal the agent", kill(PARENT, 0));
    TRY("signal the agent's thread", syscall(SYS_tgkill, PARENT, PARENT, 0));
    TRY("signal by thread", syscall(SYS_tkill, PARENT, 0));
    TRY("a handle on the agent", syscall(SYS_pidfd_open, PARENT, 0));
    TRY("the agent's clock", clock_of(PARENT, 2));
    TRY("another clock of the agent", clock_of(PARENT, 0));
    TRY("the clock of its thread", clock_of(PARENT, 6));
    TRY("a clock by descriptor", clock_of(3, 3));
    TRY("a clock that wakes the machine", clock_known(8));
    TRY("a clock of the network", clock_known(16));
    TRY("what a clock can tell", syscall(SYS_clock_getres, ~(unsigned)PARENT << 3 | 2, scratch));
    TRY("sleep by a clock", syscall(SYS_clock_nanosleep, ~(unsigned)PARENT << 3 | 2, 0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0));
    TRY("find a thread by a lock", futex(FUTEX_TRYLOCK_PI));
    TRY("find a thread by a lock of its own", futex(FUTEX_TRYLOCK_PI | FUTEX_PRIVATE_FLAG));
    TRY("wait for a thread by a lock", futex(FUTEX_LOCK_PI));
    TRY("wait for a thread by the newest lock", futex(13 /* FUTEX_LOCK_PI2 */));
    TRY("free a lock of a thread", futex(FUTEX_UNLOCK_PI));
    TRY("pass a lock of a thread on", futex(FUTEX_CMP_REQUEUE_PI));
    TRY("the agent's locks", syscall(SYS_get_robust_list, PARENT, scratch, scratch));
    TRY("the agent's priority", syscall(SYS_getpriority, PRIO_PROCESS, PARENT));
    TRY("the agent's processors", syscall(SYS_sched_getaffinity, PARENT, sizeof scratch, scratch));
    TRY("the agent's turn", syscall(SYS_sched_getscheduler, PARENT));
    TRY("the agent's share", syscall(SYS_sched_rr_get_interval, PARENT, scratch));
    TRY("the agent's group", syscall(SYS_getpgid, PARENT));
    TRY("the agent's session", syscall(SYS_getsid, PARENT));
    TRY("the agent's use of disks", syscall(SYS_ioprio_get, 1, PARENT));
    TRY("the agent's capabilities", syscall(SYS_capget, (uint32_t[2]){0x20080522, PARENT}, scratch));
    TRY("the agent's limits", syscall(SYS_prlimit64, PARENT, RLIMIT_CORE, NULL, scratch));
    TRY("the agent's pages", syscall(SYS_move_pages, PARENT, 0, NULL, NULL, NULL, 0));
    TRY("move the agent's pages", syscall(SYS_migrate_pages, PARENT, 0, NULL, NULL));
    TRY("compare with the agent", syscall(SYS_kcmp, PARENT, PARENT, 0, 0, 0));
    TRY("advise the agent", syscall(SYS_process_madvise, 3, NULL, 0, 0, 0));
    TRY("queue a signal to the agent", syscall(SYS_rt_sigqueueinfo, PARENT, 0, scratch));
    TRY("signal by descriptor", syscall(SYS_pidfd_send_signal, 3, 0, NULL, 0));
    TRY("wait for others", syscall(SYS_waitid, P_ALL, 0, NULL, WEXITED | WNOHANG, NULL));
    TRY("who the parent is", syscall(SYS_getppid));
    TRY("stop itself", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP));
    TRY("trap itself", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSYS));
    TRY("raise a limit", setrlimit(RLIMIT_NOFILE, &limit));
    TRY("raise the agent's limit", prlimit(PARENT, RLIMIT_CORE, NULL, &limit));
    TRY("be dumped", prctl(PR_SET_DUMPABLE, 1));
    TRY("outlive the agent", prctl(PR_SET_PDEATHSIG, 0));
    TRY("become root", setuid(0));
    TRY("become root's group", setgid(0));
    TRY("a new session", setsid());
    TRY("another group", setpgid(0, PARENT));
    TRY("another priority", setpriority(PRIO_PROCESS, 0, -1));
    TRY("type on the terminal", ioctl(0, TIOCSTI, &character));
    TRY("be signalled by a descriptor", fcntl(3, F_SETOWN, PARENT));
    TRY("who is signalled", fcntl(3, F_GETOWN));
    TRY("another signal", fcntl(3, F_SETSIG, SIGKILL));
    TRY("signals when there is something", fcntl(3, F_SETFL, O_ASYNC));
    TRY("signals by another call", ioctl(3, FIOASYNC, &one));
    TRY("who is signalled by another call", ioctl(3, FIOSETOWN, &one));
    TRY("who is signalled by a third call", ioctl(3, SIOCSPGRP, &one));
    TRY("a lease", fcntl(0, F_SETLEASE, F_RDLCK));
    TRY("notices of a folder", fcntl(0, F_NOTIFY, DN_ACCESS));
    TRY("another size of a pipe", fcntl(0, F_SETPIPE_SZ, 1 << 20));
    TRY("seals", fcntl(3, F_ADD_SEALS, 0));
    TRY("share pages with others", advised(MADV_MERGEABLE));
    TRY("drive pages out", advised(MADV_PAGEOUT));
    TRY("poison a page", advised(MADV_HWPOISON));
    TRY("imply that what is read can be run", syscall(SYS_personality, 0x0400000));
    TRY("which personality", syscall(SYS_personality, 0xffffffff));
    TRY("map memory executable", mapped(PROT_READ | PROT_EXEC));
    TRY("map memory writable and executable", mapped(PROT_READ | PROT_WRITE | PROT_EXEC));
    TRY("make memory executable", executable());
    TRY("make memory writable and executable", writable_and_executable());
    TRY("make the stack executable", executable_stack());
    TRY("make code writable", writable_code());
    TRY("shared memory", syscall(SYS_shmget, 1, 4096, 0600));
    TRY("a message queue", syscall(SYS_mq_open, "/x", O_CREAT | O_RDWR, 0600, NULL));
    TRY("watch files", syscall(SYS_inotify_init1, 0));
    TRY("a timer", syscall(SYS_timer_create, 0, NULL, scratch));
    TRY("load a library of the system", library("libresolv.so.2"));
    TRY("load a library by path", library("/lib64/ld-linux-x86-64.so.2.none"));
    if (!constructing) {
        TRY("the size of an open file", fstat(0, &seen));
        TRY("another filter", prctl(PR_SET_SECCOMP, 1));
    }
#ifdef __x86_64__
    TRY("the oldest open", syscall(SYS_open, "/etc/passwd", O_RDONLY));
    TRY("the oldest stat", syscall(SYS_stat, "/etc/passwd", &seen));
    TRY("the oldest fork", forked((int)syscall(SYS_fork)));
    TRY("the other numbering", syscall(0x40000000 | SYS_getpid));
#endif
    snprintf(facts + written, size - written, "}");
}

/* Each of these ends the process where the lock holds. */
__attribute__((unused)) static void lethal(const char *name) {
    char byte = 0;
    struct iovec here = {&byte, 1}, there = {&byte, 1};
#define KILL(wanted, call)            \
    if (strcmp(name, wanted) == 0) {  \
        (void)!(call);                \
        return;                       \
    }
    KILL("ptrace", ptrace(PTRACE_ATTACH, PARENT, NULL, NULL))
    KILL("traceme", ptrace(PTRACE_TRACEME, 0, NULL, NULL))
    KILL("process_vm_readv", process_vm_readv(PARENT, &here, 1, &there, 1, 0))
    KILL("process_vm_writev", process_vm_writev(PARENT, &here, 1, &there, 1, 0))
    KILL("bpf", syscall(SYS_bpf, 0, NULL, 0))
    KILL("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0))
    KILL("userfaultfd", syscall(SYS_userfaultfd, 0))
    KILL("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL))
    KILL("io_uring_enter", syscall(SYS_io_uring_enter, 3, 0, 0, 0, NULL, 0))
    KILL("mount", syscall(SYS_mount, "none", "/tmp", "none", 0, NULL))
    KILL("move_mount", syscall(SYS_move_mount, 0, "", 0, "", 0))
    KILL("fsopen", syscall(SYS_fsopen, "none", 0))
    KILL("pivot_root", syscall(SYS_pivot_root, "/none", "/none"))
    KILL("chroot", syscall(SYS_chroot, "/"))
    KILL("unshare", unshare(CLONE_NEWUSER))
    KILL("setns", setns(0, 0))
    KILL("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0))
    KILL("add_key", syscall(SYS_add_key, "none", "none", NULL, 0, 0))
    KILL("request_key", syscall(SYS_request_key, "none", "none", NULL, 0))
    KILL("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 1 << 30))
    KILL("init_module", syscall(SYS_init_module, NULL, 0, ""))
    KILL("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, NULL, 0))
#ifdef __x86_64__
    if (strcmp(name, "32 bit") == 0) {
        long outcome = 20; /* getpid of the other architecture */
        __asm__ volatile("int $0x80" : "+a"(outcome) : : "memory");
        return;
    }
#endif
}

__attribute__((constructor)) static void construct(void) {
    constructing = 1;
#if defined(IN_CONSTRUCTOR)
    lethal(LETHAL);
#elif defined(HANG_IN_CONSTRUCTOR)
    /* With all signals refused but the ones that cannot be. */
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (;;) {
        poll(NULL, 0, -1);
    }
#elif !defined(LETHAL) && !defined(QUIET)
    attempt_all(first, sizeof first);
#endif
    constructing = 0;
}

static GoodsteadBytes text(const char *string) {
    GoodsteadBytes bytes = {(const uint8_t *)string, strlen(string)};
    return bytes;
}

uint32_t goodstead_plugin_protocol(void) { return GOODSTEAD_PROTOCOL; }

int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
    site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/etc/os-release\"}"));
    site->emit(site->context, text("[]"));
    return 0;
}

int32_t goodstead_plugin_gather(const GoodsteadSite *site, GoodsteadBytes target) {
    (void)site;
    (void)target;
#if defined(ABORT)
    abort();
#elif defined(SPIN)
    signal(SIGXCPU, SIG_IGN);
    for (volatile unsigned turns = 0;; turns = turns + 1) {
    }
#elif defined(HOARD)
    size_t got = 0;
    for (char *block; (block = malloc(1 << 20)) != NULL; got += 1) {
        memset(block, 1, 1 << 20);
    }
    int fds = 0;
    while (fcntl(0, F_DUPFD_CLOEXEC, 0) >= 0) {
        fds += 1;
    }
    static char hoarded[128];
    snprintf(hoarded, sizeof hoarded, "{\"mebibytes\": %zu, \"descriptors\": %d}", got, fds);
    site->emit(site->context, text(hoarded));
#elif defined(LETHAL)
    lethal(LETHAL);
    site->emit(site->context, text("{}"));
#elif defined(ENVIRONMENT)
    extern char **environ;
    site->emit(site->context, text(environ == NULL || *environ == NULL ? "{\"empty\": true}" : "{\"empty\": false}"));
#else
    static char second[16384];
    static char facts[40000];
    attempt_all(second, sizeof second);
    snprintf(facts, sizeof facts, "{\"constructor\": %s, \"gather\": %s}", first, second);
    site->emit(site->context, text(facts));
#endif
    return 0;
}
