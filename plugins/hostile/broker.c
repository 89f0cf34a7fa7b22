/* The agent as a tool: what a plugin can have others do for it. HOSTILE_ALLOWED is the one folder of its manifest; links
 * in it lead out. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "hostile.h"

static GoodsteadReply read_path(const GoodsteadSite *site, const char *path) {
    static char request[8192];
    snprintf(request, sizeof request, "{\"ask\": \"read\", \"path\": \"%s\"}", path);
    return site->ask(site->context, text(request));
}

static int holds(GoodsteadReply reply, const char *word) {
    return reply.data.length > 0 && memmem(reply.data.data, reply.data.length, word, strlen(word)) != 0;
}

/* What is declared is read: without it the refusals would mean nothing. */
static void expect_inside(const GoodsteadSite *site) {
    attempt("inside_is_not_read", holds(read_path(site, HOSTILE_ALLOWED "/inside"), "INSIDE") ? EPERM : 0);
}

HOSTILE(asks_for_paths) {
    expect_inside(site);
    const char *const paths[] = {
        "/etc/shadow", "etc/shadow", "//etc//shadow", "/proc/self/root/etc/shadow", "/proc/self/environ", "/proc/1/environ",
        "/proc/self/fd/0", "/dev/fd/0", "/dev/zero", "/", "", ".", HOSTILE_CANARY,
        HOSTILE_ALLOWED "/../canary", HOSTILE_ALLOWED "/./../canary", HOSTILE_ALLOWED "/inside/../../canary",
        HOSTILE_ALLOWED "/../../../../../../../../etc/shadow", HOSTILE_ALLOWED "/..", HOSTILE_ALLOWED "/link-to-shadow",
        HOSTILE_ALLOWED "/link-to-canary", HOSTILE_ALLOWED "/link-to-folder/canary", HOSTILE_ALLOWED "/link-to-root/etc/shadow",
        HOSTILE_ALLOWED "/link-to-magic", HOSTILE_ALLOWED "/link-to-itself", HOSTILE_ALLOWED "/link-to-link",
        HOSTILE_ALLOWED "/fifo", HOSTILE_ALLOWED "/socket", HOSTILE_ALLOWED "/link-to-zero",
        HOSTILE_ALLOWED "/inside\\u0000.txt", HOSTILE_ALLOWED "/*", HOSTILE_ALLOWED "/{inside,canary}", HOSTILE_CANARY "\\n", 0};
    for (const char *const *path = paths; *path; path++) {
        /* As JSON a path may hold escapes; its name among the attempts is the same text. */
        attempt(**path ? *path : "nothing", is_granted(read_path(site, *path)) ? 0 : EPERM);
    }
    static char long_path[4200] = "/";
    memset(long_path + 1, 'a', sizeof long_path - 2);
    attempt("too_long", is_granted(read_path(site, long_path)) ? 0 : EPERM);
    attempt_request(site, "list", "{\"ask\": \"list\", \"path\": \"" HOSTILE_FOLDER "\"}");
    attempt_request(site, "list_by_link", "{\"ask\": \"list\", \"path\": \"" HOSTILE_ALLOWED "/link-to-folder\"}");
    attempt_request(site, "list_climbing", "{\"ask\": \"list\", \"path\": \"" HOSTILE_ALLOWED "/..\"}");
    attempt_request(site, "stat", "{\"ask\": \"stat\", \"path\": \"" HOSTILE_CANARY "\"}");
    attempt_request(site, "stat_by_link", "{\"ask\": \"stat\", \"path\": \"" HOSTILE_ALLOWED "/link-to-canary\"}");
    attempt_request(site, "run", "{\"ask\": \"run\", \"command\": \"sh\"}");
    attempt_request(site, "run_by_path", "{\"ask\": \"run\", \"command\": \"/bin/sh\"}");
    attempt_request(site, "connect_tcp", "{\"ask\": \"connect\", \"address\": \"tcp:127.0.0.1:22\"}");
    attempt_request(site, "connect_unix", "{\"ask\": \"connect\", \"address\": \"unix:" HOSTILE_SOCKET "\"}");
}

HOSTILE(asks_for_globs) {
    expect_inside(site);
    const char *const globs[] = {
        HOSTILE_FOLDER "/**", HOSTILE_FOLDER "/can*", HOSTILE_ALLOWED "/../*", HOSTILE_ALLOWED "/link-to-*", HOSTILE_ALLOWED "/link-to-folder/*",
        HOSTILE_ALLOWED "/link-to-folder/**", HOSTILE_ALLOWED "/{link-to-canary,link-to-shadow}", "/etc/shad*", "/proc/self/env*",
        "{/etc/shadow," HOSTILE_CANARY "}", "[", "", "{{{{{{{{", 0};
    static char request[8192];
    for (const char *const *glob = globs; *glob; glob++) {
        snprintf(request, sizeof request, "{\"ask\": \"read_many\", \"globs\": [\"%s\"]}", *glob);
        GoodsteadReply reply = site->ask(site->context, text(request));
        int leaked = holds(reply, "CANARY") || holds(reply, "root:") || holds(reply, "PATH=");
        attempt(**glob ? *glob : "nothing", leaked ? 0 : EPERM);
    }
}

/* While the test swaps a file and a folder for links that lead to the canary. */
HOSTILE(asks_while_links_are_swapped) {
    int inside = 0, canary = 0, refused = 0;
    for (int turn = 0; turn < 2000; turn++) {
        GoodsteadReply replies;
        const char *const paths[] = {HOSTILE_ALLOWED "/swapped", HOSTILE_ALLOWED "/swapped-folder/canary"};
        for (int path = 0; path < 2; path++) {
            replies = read_path(site, paths[path]);
            inside += holds(replies, "INSIDE"), canary += holds(replies, "CANARY"), refused += !is_granted(replies);
        }
        replies = site->ask(site->context, text("{\"ask\": \"read_many\", \"globs\": [\"" HOSTILE_ALLOWED "/swapped*\", \"" HOSTILE_ALLOWED
                                                "/swapped-folder/**\"]}"));
        inside += holds(replies, "INSIDE"), canary += holds(replies, "CANARY");
    }
    attempt("the_canary", canary ? 0 : EPERM);
    attempt("the_file_never", inside > 100 ? EPERM : 0);
    attempt("the_link_never", refused > 100 ? EPERM : 0);
}

/* Questions that keep the agent busy for as long as it lets itself. */
HOSTILE(walks_everything) {
    for (;;) {
        site->ask(site->context, text("{\"ask\": \"read_many\", \"globs\": [\"/**\", \"/*/**\", \"/*/*/**\", \"/*/*/*/**\"]}"));
    }
}
HOSTILE(walks_itself) {
    static char request[1 << 20];
    char *end = request + sprintf(request, "{\"ask\": \"read_many\", \"globs\": [\"" HOSTILE_ALLOWED "/**\"");
    while (end < request + sizeof request - 1024) end += sprintf(end, ",\"" HOSTILE_ALLOWED "/**/{a,b}{c,d}{e,f}{g,h}{i,j}/**/**\"");
    strcpy(end, "]}");
    for (;;) site->ask(site->context, text(request));
}
/* Commands of its manifest, each with what has to come of it: what it wrote, or a word of the refusal. */
HOSTILE(runs_commands) {
    const struct {
        const char *command, *output, *word;
    } wanted[] = {{"echo", "hello\n", "\"code\":0"},
                  {"environment", "", "\"code\":0"},
                  {"failing", "", "\"code\":3"},
                  {"signalled", "", "\"code\":null"},
                  {"leaving", "left\n", "\"code\":0"},
                  {"flood", "", "too-large"},
                  {"missing", "", "absent"},
                  {"forbidden", "", "not-permitted"},
                  {"undeclared", "", "not-declared"}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char request[128];
        snprintf(request, sizeof request, "{\"ask\": \"run\", \"command\": \"%s\"}", wanted[i].command);
        GoodsteadReply reply = site->ask(site->context, text(request));
        size_t length = strlen(wanted[i].output);
        int as_wanted = memmem(reply.json.data, reply.json.length, wanted[i].word, strlen(wanted[i].word)) != 0 &&
                        reply.data.length == length && memcmp(reply.data.data, wanted[i].output, length) == 0;
        attempt(wanted[i].command, as_wanted ? EPERM : 0);
    }
}
HOSTILE(runs_a_slow_command) { site->ask(site->context, text("{\"ask\": \"run\", \"command\": \"slow\"}")); }

/* A connection that was granted, used for what it was not granted for. */
#ifdef HOSTILE_DATABASE
static char answer[64 << 10];

/* Reads messages until `end` or an error; the error's text, or null. */
static const char *until(int fd, char end) {
    const char *failed = 0;
    for (;;) {
        unsigned char head[5];
        if (recv(fd, head, 5, MSG_WAITALL) != 5) return failed ? failed : "closed";
        uint32_t length = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 | head[4];
        length -= 4;
        if (length >= sizeof answer || recv(fd, answer, length, MSG_WAITALL) != (ssize_t)length) return "cut";
        answer[length] = 0;
        if (head[0] == 'E') {
            /* The fields end in zeros; the state is the one that begins with C. */
            static char state[16];
            for (char *field = answer; field < answer + length && *field; field += strlen(field) + 1) {
                if (*field == 'C') snprintf(state, sizeof state, "%s", field + 1);
            }
            failed = state;
            if (end == 'R') return failed;
        }
        if (head[0] == (unsigned char)end || head[0] == 'Z') return failed;
    }
}

static void attempt_sql(int fd, const char *name, const char *sql) {
    char message[1024] = "Q";
    uint32_t length = htonl((uint32_t)(strlen(sql) + 5));
    memcpy(message + 1, &length, 4);
    strcpy(message + 5, sql);
    if (send(fd, message, strlen(sql) + 6, 0) < 0) abort();
    const char *state = until(fd, 'Z');
    /* 42501 is insufficient_privilege; any other failure would say nothing about rights. */
    attempt(name, !state ? 0 : strcmp(state, "42501") == 0 ? EPERM : EINVAL);
}

HOSTILE(copies_to_a_program) {
    GoodsteadReply reply = site->ask(site->context, text("{\"ask\": \"connect\", \"address\": \"" HOSTILE_DATABASE "\"}"));
    attempt("no_connection", is_granted(reply) ? EPERM : 0);
    int fd = reply.descriptor;
    if (fd < 0) return;
    static const char startup[] = "\0\3\0\0user\0" HOSTILE_ROLE "\0database\0postgres\0";
    uint32_t length = htonl(sizeof startup + 4);
    if (send(fd, &length, 4, 0) < 0 || send(fd, startup, sizeof startup, 0) < 0) abort();
    attempt("no_session", until(fd, 'Z') ? 0 : EPERM);
    attempt_sql(fd, "copy_to_program", "COPY (SELECT 1) TO PROGRAM 'touch " HOSTILE_CANARY ".touched'");
    attempt_sql(fd, "copy_from_program", "CREATE TEMP TABLE t (a text); COPY t FROM PROGRAM 'touch " HOSTILE_CANARY ".touched'");
    attempt_sql(fd, "copy_to_file", "COPY (SELECT 1) TO '" HOSTILE_CANARY "'");
    attempt_sql(fd, "copy_from_file", "CREATE TEMP TABLE t (a text); COPY t FROM '" HOSTILE_CANARY "'");
    attempt_sql(fd, "read_file", "SELECT pg_read_file('" HOSTILE_CANARY "')");
    attempt_sql(fd, "become_the_owner", "SET ROLE postgres");
    attempt_sql(fd, "load", "LOAD '" HOSTILE_LIBRARY "'");
    attempt_sql(fd, "alter_system", "ALTER SYSTEM SET archive_command = 'touch " HOSTILE_CANARY ".touched'");
    attempt_sql(fd, "make_a_role", "CREATE ROLE hostile SUPERUSER");
}
#endif
