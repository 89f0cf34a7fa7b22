/* Code of the library that runs without being called: before the agent has said a word to it, and at the end. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/mman.h>
#include <sys/un.h>

#include "hostile.h"

#ifdef MODE_constructor_attacks
__attribute__((constructor)) static void begin(void) {
    char buffer[64];
    ATTEMPT("shadow", open("/etc/shadow", O_RDONLY));
    ATTEMPT("passwd", open("/etc/passwd", O_RDONLY));
    ATTEMPT("canary", open(HOSTILE_CANARY, O_RDONLY));
    ATTEMPT("environment", open("/proc/self/environ", O_RDONLY));
    ATTEMPT("write", open(HOSTILE_CANARY, O_WRONLY | O_TRUNC));
    ATTEMPT("create", open(HOSTILE_CANARY ".new", O_WRONLY | O_CREAT, 0666));
    ATTEMPT("unlink", unlink(HOSTILE_CANARY));
    ATTEMPT("chmod", chmod(HOSTILE_CANARY, 0));
    ATTEMPT("truncate", truncate(HOSTILE_CANARY, 0));
    pid_t child = fork();
    if (child == 0) {
        for (int turn = 0; turn < 200; turn++) usleep(50000);
        _exit(0);
    }
    attempt("fork", child < 0 ? errno : 0);
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_port = htons(HOSTILE_TCP), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    attempt("socket", fd < 0 ? errno : 0);
    ATTEMPT("connect", connect(fd, (struct sockaddr *)&loopback, sizeof loopback));
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = HOSTILE_SOCKET};
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ATTEMPT("connect_unix", connect(fd, (struct sockaddr *)&path, sizeof path));
    char *const arguments[] = {"touch", HOSTILE_CANARY ".touched", 0};
    ATTEMPT("execve", execve("/usr/bin/touch", arguments, arguments + 2));
    ATTEMPT("setuid", syscall(SYS_setuid, 0));
    ATTEMPT("everybody", kill(-1, 0));
    ATTEMPT("readlink", readlink("/proc/self/exe", buffer, sizeof buffer));
}
HOSTILE(constructor_attacks) { (void)site; }
#endif

#ifdef MODE_constructor_crashes
__attribute__((constructor)) static void begin(void) { abort(); }
HOSTILE(constructor_crashes) { (void)site; }
#endif

#ifdef MODE_constructor_hangs
__attribute__((constructor)) static void begin(void) {
    for (volatile int turns = 0;; turns = turns + 1) {
    }
}
HOSTILE(constructor_hangs) { (void)site; }
#endif

/* Greets the agent in the runner's place, and then plays the whole conversation. */
#ifdef MODE_constructor_forges
static void frame(uint32_t kind, const char *body) {
    uint32_t header[3] = {kind, (uint32_t)strlen(body), 0};
    if (send(channel(), header, sizeof header, 0) < 0 || send(channel(), body, strlen(body), 0) < 0) abort();
}
__attribute__((constructor)) static void begin(void) {
    char sink[4096];
    frame(3, "{\"protocol\": 1}");
    if (recv(channel(), sink, sizeof sink, 0) < 0) abort();
    frame(9, "[{\"title\": \"Forged\"}]");
    frame(10, "0");
    if (recv(channel(), sink, sizeof sink, 0) < 0) abort();
    frame(7, "{\"ask\": \"connect\", \"address\": \"unix:" HOSTILE_SOCKET "\"}");
    if (recv(channel(), sink, sizeof sink, 0) < 0) abort();
    frame(7, "{\"ask\": \"read\", \"path\": \"" HOSTILE_CANARY "\"}");
    ssize_t length = recv(channel(), sink, sizeof sink - 1, 0);
    if (length < 0) abort();
    sink[length] = 0;
    frame(9, memmem(sink, (size_t)length, "refused", 7) ? "{\"greeting\": \"hello\", \"attempts\": {\"canary\": 1}}"
                                                        : "{\"greeting\": \"hello\", \"attempts\": {\"canary\": 0}}");
    frame(10, "0");
    for (;;) recv(channel(), sink, sizeof sink, 0);
}
HOSTILE(constructor_forges) { (void)site; }
#endif

#ifdef MODE_destructor_hangs
static void forever(void) {
    for (volatile int turns = 0;; turns = turns + 1) {
    }
}
__attribute__((destructor)) static void end(void) { forever(); }
HOSTILE(destructor_hangs) {
    (void)site;
    atexit(forever);
}
#endif

/* The end comes at once, and then it does not. */
#ifdef MODE_exits_and_hangs
static void forever(void) {
    for (volatile int turns = 0;; turns = turns + 1) {
    }
}
HOSTILE(exits_and_hangs) {
    (void)site;
    atexit(forever);
    exit(0);
}
#endif

/* Memory of its own to write code in, taken while the library is being loaded and kept for later. */
#ifdef MODE_constructor_makes_code
static void *kept[2];

__attribute__((constructor)) static void begin(void) {
    kept[0] = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    attempt("writable_and_executable", kept[0] == MAP_FAILED ? errno : 0);
    attempt("executable", mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0);
    attempt("shared", mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0);
    kept[1] = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ATTEMPT("written_and_run", mprotect(kept[1], 4096, PROT_READ | PROT_EXEC));
    ATTEMPT("written_while_run", mprotect(kept[1], 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
    uintptr_t code = (uintptr_t)goodstead_plugin_gather & ~(uintptr_t)4095;
    ATTEMPT("code_written_while_run", mprotect((void *)code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
    volatile char here = 0;
    ATTEMPT("stack", mprotect((void *)((uintptr_t)&here & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
    ATTEMPT("personality", syscall(SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */));
    ATTEMPT("by_key", syscall(SYS_pkey_mprotect, kept[1], 4096, PROT_READ | PROT_EXEC, -1));
}

HOSTILE(constructor_makes_code) {
    (void)site;
    ATTEMPT("later", mprotect(kept[1], 4096, PROT_READ | PROT_EXEC));
}
#endif
