/* More processes and threads, other programs and libraries, other people's processes. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "hostile.h"

/* What a child does: nothing, for a while, so that the test finds it. */
static void linger(void) {
    for (int turn = 0; turn < 200; turn++) usleep(50000);
    _exit(0);
}

static void *linger_on(void *nothing) {
    for (int turn = 0; turn < 200; turn++) usleep(50000);
    return nothing;
}

/* A bomb of 64: enough to tell. */
HOSTILE(fork_bomb) {
    (void)site;
    int error = 0;
    for (int turn = 0; turn < 64; turn++) {
        pid_t child = fork();
        if (child == 0) linger();
        if (child < 0) error = errno;
    }
    attempt("fork", error);
    struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; } arguments = {.exit_signal = SIGCHLD};
    error = 0;
    for (int turn = 0; turn < 64; turn++) {
        long child = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (child == 0) linger();
        if (child < 0) error = errno;
    }
    attempt("clone3", error);
#ifdef SYS_fork
    long child = syscall(SYS_fork);
    if (child == 0) linger();
    attempt("fork_by_number", child < 0 ? errno : 0);
    child = syscall(SYS_vfork);
    if (child == 0) _exit(0);
    attempt("vfork", child < 0 ? errno : 0);
#endif
    child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) linger();
    attempt("clone_as_the_agents_child", child < 0 ? errno : 0);
    child = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) linger();
    attempt("clone_into_a_namespace", child < 0 ? errno : 0);
}

HOSTILE(thread_bomb) {
    (void)site;
    int error = 0;
    for (int turn = 0; turn < 64; turn++) {
        pthread_t thread;
        int refused = pthread_create(&thread, 0, linger_on, 0);
        if (refused) error = refused;
    }
    attempt("thread", error);
}

HOSTILE(runs_programs) {
    (void)site;
    char *const arguments[] = {"touch", HOSTILE_CANARY ".touched", 0};
    char *const nothing[] = {0};
    ATTEMPT("execve", execve("/usr/bin/touch", arguments, nothing));
    ATTEMPT_CALL("execveat", SYS_execveat, -100, "/usr/bin/touch", arguments, nothing, 0);
    /* A shell that cannot be started is said to have ended with 127. */
    attempt("system", system("/usr/bin/touch " HOSTILE_CANARY ".touched") ? EPERM : 0);
    attempt("popen", popen("/usr/bin/touch " HOSTILE_CANARY ".touched", "r") ? 0 : errno);
}

HOSTILE(loads_a_library) {
    (void)site;
    attempt("dlopen", dlopen(HOSTILE_LIBRARY, RTLD_NOW) ? 0 : EPERM);
    attempt("dlopen_by_name", dlopen("libcrypt.so.1", RTLD_NOW) ? 0 : EPERM);
    attempt("dlmopen", dlmopen(LM_ID_NEWLM, HOSTILE_LIBRARY, RTLD_NOW) ? 0 : EPERM);
}

HOSTILE(changes_its_limits) {
    (void)site;
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
    ATTEMPT("memory", setrlimit(RLIMIT_AS, &more));
    ATTEMPT("time", setrlimit(RLIMIT_CPU, &more));
    ATTEMPT("descriptors", setrlimit(RLIMIT_NOFILE, &more));
    ATTEMPT("processes", setrlimit(RLIMIT_NPROC, &more));
    ATTEMPT_CALL("setrlimit_by_number", SYS_setrlimit, RLIMIT_AS, &more);
    ATTEMPT("priority", setpriority(PRIO_PROCESS, 0, -20));
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    ATTEMPT("processors", sched_setaffinity(0, sizeof all, &all));
    struct sched_param first = {1};
    ATTEMPT("real_time", sched_setscheduler(0, SCHED_FIFO, &first));
    ATTEMPT_CALL("outlive_the_agent", SYS_prctl, 1 /* PR_SET_PDEATHSIG */, 0, 0, 0, 0);
    ATTEMPT_CALL("dumpable", SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0);
    ATTEMPT_CALL("another_name", SYS_prctl, 15 /* PR_SET_NAME */, "innocent", 0, 0, 0);
    ATTEMPT_CALL("adopt_orphans", SYS_prctl, 36 /* PR_SET_CHILD_SUBREAPER */, 1, 0, 0, 0);
    ATTEMPT("leave_the_session", setsid());
    ATTEMPT("leave_the_group", setpgid(0, 0));
    ATTEMPT_CALL("setuid", SYS_setuid, 0);
    ATTEMPT_CALL("setresuid", SYS_setresuid, 0, 0, 0);
    ATTEMPT_CALL("setgid", SYS_setgid, 0);
    ATTEMPT_CALL("setgroups", SYS_setgroups, 0, 0);
    struct { uint32_t version; int pid; } header = {0x20080522, 0};
    uint32_t capabilities[6] = {0xffffffff, 0xffffffff, 0, 0xffffffff, 0xffffffff, 0};
    ATTEMPT_CALL("capset", SYS_capset, &header, capabilities);
}

HOSTILE(signals_the_agent) {
    pid_t pid = agent(site);
    siginfo_t info = {.si_code = SI_QUEUE};
    ATTEMPT("sigterm", kill(pid, SIGTERM));
    ATTEMPT("sigstop", kill(pid, SIGSTOP));
    ATTEMPT("sigkill", kill(pid, SIGKILL));
    ATTEMPT_CALL("tkill", SYS_tkill, pid, SIGTERM);
    ATTEMPT_CALL("tgkill", SYS_tgkill, pid, pid, SIGTERM);
    ATTEMPT_CALL("rt_sigqueueinfo", SYS_rt_sigqueueinfo, pid, SIGTERM, &info);
    ATTEMPT_CALL("rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, pid, pid, SIGTERM, &info);
    ATTEMPT_CALL("pidfd_open", SYS_pidfd_open, pid, 0);
    ATTEMPT_CALL("pidfd_send_signal", SYS_pidfd_send_signal, channel(), SIGTERM, 0, 0);
    /* Signal 0 asks only whether one could: the others on this machine have done nothing. */
    ATTEMPT("everybody", kill(-1, 0));
    ATTEMPT("the_agents_group", kill(-pid, 0));
    ATTEMPT("the_first_process", kill(1, 0));
}

/* A descriptor can be told to send a signal to whom it is owned by. */
HOSTILE(signals_by_descriptor) {
    pid_t pid = agent(site);
    int fd = channel();
    struct f_owner_ex owner = {F_OWNER_PID, pid};
    ATTEMPT("owner", fcntl(fd, F_SETOWN, pid));
    ATTEMPT("owner_ex", fcntl(fd, F_SETOWN_EX, &owner));
    ATTEMPT("owner_by_ioctl", ioctl(fd, 0x8901 /* FIOSETOWN */, &pid));
    ATTEMPT("group_by_ioctl", ioctl(fd, 0x8902 /* SIOCSPGRP */, &pid));
    ATTEMPT("signal", fcntl(fd, F_SETSIG, SIGTERM));
    int on = 1;
    ATTEMPT("asynchronous_by_ioctl", ioctl(fd, FIOASYNC, &on));
    /* Without an owner this is harmless, and a client's event loop may set flags. */
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
    /* Now each reply would be a signal. */
    for (int turn = 0; turn < 10; turn++) agent(site);
}

HOSTILE(reads_the_agent) {
    pid_t pid = agent(site);
    char path[64], buffer[64];
    struct iovec part = {buffer, sizeof buffer};
    for (const char *const *name = (const char *const[]){"mem", "environ", "maps", "cmdline", "status", "root/etc/shadow", 0}; *name; name++) {
        snprintf(path, sizeof path, "/proc/%d/%s", pid, *name);
        ATTEMPT(*name, open(path, O_RDONLY));
    }
    ATTEMPT_CALL("kcmp", SYS_kcmp, pid, pid, 0, 0, 0);
    ATTEMPT_CALL("prlimit_of_the_agent", SYS_prlimit64, pid, RLIMIT_NOFILE, 0, buffer);
    ATTEMPT_CALL("process_madvise", SYS_process_madvise, channel(), &part, 1, MADV_COLD, 0);
    ATTEMPT_CALL("get_robust_list", SYS_get_robust_list, pid, buffer, buffer + 16);
    ATTEMPT_CALL("move_pages", SYS_move_pages, pid, 0, 0, 0, 0, 0);
    attempt_request(site, "environ_through_the_broker", "{\"ask\": \"read\", \"path\": \"/proc/self/environ\"}");
    attempt_request(site, "mem_through_the_broker", "{\"ask\": \"read\", \"path\": \"/proc/self/mem\"}");
    snprintf(buffer, sizeof buffer, "{\"ask\": \"read\", \"path\": \"/proc/%d/environ\"}", pid);
    attempt_request(site, "environ_by_number", buffer);
}

/* What every process on the machine is doing, by calls whose arguments name one. */
HOSTILE(watches_others) {
    pid_t other = agent(site);
    struct timespec time = {0, 0};
    const struct {
        const char *name;
        int kind;
    } clocks[] = {{"profile", 0}, {"virtual", 1}, {"scheduled", 2}, {"profile_of_a_thread", 4}, {"scheduled_of_a_thread", 6}};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        ATTEMPT_CALL(clocks[i].name, SYS_clock_gettime, (int)(~(unsigned)other << 3 | (unsigned)clocks[i].kind), &time);
    }
    /* Priority inheritance answers otherwise for a number that no thread has. */
    const int locks[] = {6 /* FUTEX_LOCK_PI */, 8 /* FUTEX_TRYLOCK_PI */, 12 /* FUTEX_CMP_REQUEUE_PI */, 13 /* FUTEX_LOCK_PI2 */};
    for (size_t i = 0; i < sizeof locks / sizeof *locks; i++) {
        for (int private = 0; private < 2; private++) {
            char name[32];
            snprintf(name, sizeof name, "lock_%d_%d", locks[i], private);
            uint32_t owner = (uint32_t)other;
            ATTEMPT_CALL(name, SYS_futex, &owner, locks[i] | (private ? 128 : 0), 1, &time, &owner, owner);
        }
    }
    char answer[128];
    ATTEMPT_CALL("resolution", SYS_clock_getres, (int)(~(unsigned)other << 3 | 2), answer);
    ATTEMPT_CALL("times", SYS_getrusage, -1, answer);
    ATTEMPT_CALL("limits", SYS_prlimit64, other, RLIMIT_CORE, 0, answer);
    ATTEMPT_CALL("locks", SYS_get_robust_list, other, answer, answer);
    ATTEMPT_CALL("affinity", SYS_sched_getaffinity, other, sizeof answer, answer);
    ATTEMPT_CALL("scheduler", SYS_sched_getscheduler, other);
    ATTEMPT_CALL("attributes", SYS_sched_getattr, other, answer, 48, 0);
    ATTEMPT_CALL("priority", SYS_getpriority, PRIO_PROCESS, other);
    ATTEMPT_CALL("group", SYS_getpgid, other);
    ATTEMPT_CALL("session", SYS_getsid, other);
    ATTEMPT_CALL("disks", SYS_ioprio_get, 1, other);
    ATTEMPT_CALL("capabilities", SYS_capget, (uint32_t[2]){0x20080522, (uint32_t)other}, answer);
    ATTEMPT_CALL("pages", SYS_move_pages, other, 0, 0, 0, 0, 0);
    ATTEMPT_CALL("core_scheduling", SYS_prctl, 62 /* PR_SCHED_CORE */, 0, other, 0, answer);
    ATTEMPT("owner", fcntl(channel(), F_GETOWN));
    ATTEMPT("signals_of_a_descriptor", fcntl(channel(), F_SETFL, O_ASYNC));
}
