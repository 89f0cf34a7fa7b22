/* The kernel's less travelled roads. Those that no honest plugin ever takes end the process; the others are refused. */
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <time.h>

#include "hostile.h"

/* One call that the test names, with its arguments. */
#ifdef HOSTILE_CALL
HOSTILE(makes_a_call) {
    (void)site;
    static uint64_t buffer[64];
    memset(buffer, 0, sizeof buffer);
    ATTEMPT_CALL("call", HOSTILE_CALL);
}
#endif

#ifdef __x86_64__
/* The call numbers of 32-bit programs, which a list of 64-bit numbers does not mean: 20 is getpid there. */
HOSTILE(calls_of_32_bits) {
    (void)site;
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
    attempt("getpid", result < 0 ? (int)-result : 0);
}

/* The same processor mode with the other numbering: 0x40000000 and on. */
HOSTILE(calls_of_x32) {
    (void)site;
    ATTEMPT_CALL("getpid", 0x40000000 | SYS_getpid);
}
#endif

HOSTILE(kernel_calls) {
    (void)site;
    char buffer[512];
    ATTEMPT_CALL("kernel_log", SYS_syslog, 3, buffer, sizeof buffer);
    ATTEMPT_CALL("uname", SYS_uname, buffer);
    ATTEMPT_CALL("sysinfo", SYS_sysinfo, buffer);
    ATTEMPT_CALL("hostname", SYS_sethostname, "x", 1);
    ATTEMPT_CALL("shared_memory", SYS_shmget, IPC_PRIVATE, 4096, 0600);
    ATTEMPT_CALL("semaphores", SYS_semget, IPC_PRIVATE, 1, 0600);
    ATTEMPT_CALL("messages", SYS_msgget, IPC_PRIVATE, 0600);
    ATTEMPT_CALL("message_queue", SYS_mq_open, "goodstead", 0x42, 0600, 0);
    ATTEMPT_CALL("timer", SYS_timer_create, CLOCK_MONOTONIC, 0, buffer);
    ATTEMPT_CALL("interval_timer", SYS_setitimer, 2, (long[4]){0, 0, 1000, 0}, 0);
    ATTEMPT_CALL("timerfd", SYS_timerfd_create, CLOCK_MONOTONIC, 0);
    ATTEMPT_CALL("signalfd", SYS_signalfd4, -1, (uint64_t[1]){0}, 8, 0);
    ATTEMPT_CALL("set_clock", SYS_clock_settime, CLOCK_REALTIME, (long[2]){-1, -1});
    ATTEMPT_CALL("adjust_clock", SYS_adjtimex, &(struct timex){.modes = 0});
    ATTEMPT_CALL("quota", SYS_quotactl, 0x800001 << 8, 0, 0, 0);
    ATTEMPT_CALL("membarrier", SYS_membarrier, 0, 0, 0);
    ATTEMPT_CALL("landlock", SYS_landlock_create_ruleset, 0, 0, 1);
    ATTEMPT_CALL("seccomp", SYS_seccomp, 2 /* SECCOMP_GET_ACTION_AVAIL */, 0, (uint32_t[1]){0x7fff0000});
    ATTEMPT_CALL("vmsplice", SYS_vmsplice, 1, 0, 0, 0);
    ATTEMPT_CALL("splice", SYS_splice, channel(), 0, 1, 0, 1, 2);
    ATTEMPT_CALL("io_setup", SYS_io_setup, 1, buffer);
    ATTEMPT_CALL("pkey_alloc", SYS_pkey_alloc, 0, 0);
    ATTEMPT_CALL("memory_policy", SYS_set_mempolicy, 0, 0, 0);
    ATTEMPT_CALL("lock_memory", SYS_mlockall, MCL_CURRENT | MCL_FUTURE);
    ATTEMPT_CALL("a_call_of_tomorrow", SYS_openat2 + 400);
#ifdef __x86_64__
    ATTEMPT_CALL("ports", SYS_ioperm, 0x80, 1, 1);
    ATTEMPT_CALL("port_level", SYS_iopl, 3);
    ATTEMPT_CALL("segments", SYS_modify_ldt, 0, buffer, sizeof buffer);
#endif
}
