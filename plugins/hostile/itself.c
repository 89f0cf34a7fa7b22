/* What a plugin can do to the process that it runs in: crash it, leave it, hold it, exhaust it. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unwind.h>

#include "hostile.h"

HOSTILE(null_dereference) {
    (void)site;
    volatile int *volatile nowhere = 0;
    *nowhere = 1;
}

HOSTILE(aborts) {
    (void)site;
    abort();
}

HOSTILE(exits) {
    (void)site;
    exit(0);
}

/* Past the handlers of the C library. */
HOSTILE(exits_at_once) {
    (void)site;
    _exit(0);
}

HOSTILE(illegal_instruction) {
    (void)site;
    __builtin_trap();
}

HOSTILE(jumps_nowhere) {
    (void)site;
    void (*volatile nowhere)(void) = (void (*)(void))(uintptr_t)0xdead0000;
    nowhere();
}

/* Which the compiler must not know to be true. */
static volatile int for_ever = 1;

static int deeper(volatile char *above) {
    volatile char here[4096];
    here[0] = above[0];
    return for_ever ? deeper(here) + here[0] : 0;
}

HOSTILE(stack_overflow) {
    (void)site;
    volatile char start[1] = {1};
    if (deeper(start)) has_emitted = 0;
}

static void clean_up(_Unwind_Reason_Code reason, struct _Unwind_Exception *exception) {
    (void)reason;
    (void)exception;
}

/* An exception of another language, thrown through the runner. */
HOSTILE(foreign_exception) {
    (void)site;
    static struct _Unwind_Exception exception;
    exception.exception_class = 0x484F5354494C4521;
    exception.exception_cleanup = clean_up;
    _Unwind_RaiseException(&exception);
    abort();
}

HOSTILE(endless_loop) {
    (void)site;
    for (volatile int turns = 0;; turns = turns + 1) {
    }
}

HOSTILE(sleeps) {
    (void)site;
    /* Where sleeping is refused, waiting is not. */
    for (;;) {
        struct timespec long_time = {3600, 0};
        nanosleep(&long_time, 0);
        int never = 0;
        syscall(SYS_futex, &never, 0 /* FUTEX_WAIT */, 0, &long_time, 0, 0);
    }
}

/* Deaf to every signal that can be ignored. */
HOSTILE(ignores_signals) {
    (void)site;
    for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
    for (volatile int turns = 0;; turns = turns + 1) {
    }
}

/* Takes memory and uses it, 4 GiB at most so that a machine without a lock survives. Refused is what it cannot have
 * of the second GiB. */
HOSTILE(memory_hog) {
    (void)site;
    const size_t step = 32 << 20;
    size_t taken = 0;
    while (taken < (size_t)4 << 30) {
        char *memory = malloc(step);
        if (!memory) break;
        memset(memory, 1, step);
        taken += step;
    }
    attempt("two_gib", taken < (size_t)2 << 30 ? ENOMEM : 0);
    ATTEMPT("map_a_tib", mmap(0, (size_t)1 << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

/* The same by one who does not look at what malloc says. */
HOSTILE(careless_memory_hog) {
    (void)site;
    for (size_t taken = 0; taken < (size_t)4 << 30; taken += 32 << 20) memset(malloc(32 << 20), 1, 32 << 20);
}

/* Takes descriptors until there are none. */
HOSTILE(descriptor_leak) {
    int taken = 0;
    while (taken < 100000 && fcntl(channel(), F_DUPFD_CLOEXEC, 0) >= 0) taken++;
    attempt("hundred_thousand", taken < 100000 ? EMFILE : 0);
    /* The conversation goes on all the same. */
    attempt("conversation", is_granted(site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/proc/self/stat\"}"))) ? EMFILE : 0);
}

/* Two hundred mebibytes to each stream. */
HOSTILE(output_flood) {
    (void)site;
    static char line[64 << 10];
    memset(line, 'x', sizeof line);
    for (int turn = 0; turn < 3200; turn++) {
        if (write(1, line, sizeof line) < 0 && write(2, line, sizeof line) < 0) break;
        if (write(2, line, sizeof line) < 0) break;
    }
}

/* Every descriptor of the process, the conversation with the agent among them. */
HOSTILE(closes_everything) {
    (void)site;
    for (int fd = 0; fd < 1024; fd++) close(fd);
}

/* The same, and stays. */
HOSTILE(closes_everything_and_stays) {
    hostile_closes_everything(site);
    hostile_endless_loop(site);
}

/* Other calls behind its own functions' back: new code, in memory of its own. */
HOSTILE(makes_code) {
    (void)site;
    ATTEMPT("map_executable", mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    void *memory = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ATTEMPT("make_executable", mprotect(memory, 4096, PROT_READ | PROT_EXEC));
    ATTEMPT("make_executable_with_a_key", syscall(SYS_pkey_mprotect, memory, 4096, PROT_READ | PROT_EXEC, -1));
    uintptr_t page = (uintptr_t)hostile_makes_code & ~(uintptr_t)4095;
    ATTEMPT("make_code_writable", mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
    ATTEMPT("personality", syscall(SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */));
}
