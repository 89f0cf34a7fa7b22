/* A site made of tables or of a directory, for the unit tests of a plugin in C: no agent, no product, no rights needed.
 *
 *     GoodsteadFakeFile files[] = {{"/etc/os-release", "PRETTY_NAME=\"Demo 1\"\n"}, {0, 0}};
 *     GoodsteadFake fake = {0};
 *     fake.files = files;
 *     const char *facts = goodstead_fake_gather(&fake, "{}");
 *     assert(facts && strcmp(facts, "{\"system\": \"Demo 1\"}") == 0);
 *     goodstead_fake_free(&fake);
 *
 * It answers read, list, stat, connect and run, and read_many from the table. It refuses everything else, so that a
 * test does not pass by accident. It does not know plugin.toml: `goodstead plugins test` holds the plugin to that. */
#pragma once

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "goodstead_requests.h"

/* A file and its content. The last one of a table has no path. */
typedef struct GoodsteadFakeFile {
    const char *path;
    const char *content;
} GoodsteadFakeFile;

/* A command of the manifest, what it prints, and its exit code. */
typedef struct GoodsteadFakeCommand {
    const char *name;
    const char *output;
    int code;
} GoodsteadFakeCommand;

/* A target that can be connected to, and all that it sends. */
typedef struct GoodsteadFakeConnection {
    const char *address;
    const char *sends;
} GoodsteadFakeConnection;

/* The site. All zero is an empty one. */
typedef struct GoodsteadFake {
    const GoodsteadFakeFile *files;
    const GoodsteadFakeCommand *commands;
    const GoodsteadFakeConnection *connections;
    /* Files that are not in the table are looked for below this directory: "tests/site" holds tests/site/etc/os-release. */
    const char *folder;
    /* The product's end of the last connection, to read what the plugin sent; closed by goodstead_fake_free. */
    int product;
    /* What the plugin emitted last, and how often it did. */
    char *emitted;
    int emits;
    /* What the plugin may still be reading. */
    char *json;
    char *data;
} GoodsteadFake;

/* A copy of `length` bytes and a null; a test that gets no memory ends. */
GOODSTEAD_HELPER char *goodstead_fake_copy(const void *bytes, size_t length) {
    char *copy = (char *)malloc(length + 1);
    if (copy == NULL) abort();
    if (length > 0) memcpy(copy, bytes, length);
    copy[length] = 0;
    return copy;
}

GOODSTEAD_HELPER GoodsteadReply goodstead_fake_reply(GoodsteadFake *fake, const char *json, char *data, size_t length) {
    GoodsteadReply reply;
    free(fake->json);
    free(fake->data);
    fake->json = goodstead_fake_copy(json, strlen(json));
    fake->data = data;
    reply.json = goodstead_text(fake->json);
    reply.data = goodstead_bytes(data, length);
    reply.descriptor = -1;
    return reply;
}

GOODSTEAD_HELPER GoodsteadReply goodstead_fake_refuse(GoodsteadFake *fake, const char *kind, const char *what) {
    char json[GOODSTEAD_REQUEST_ROOM], detail[GOODSTEAD_REQUEST_ROOM / 2];
    if (goodstead_quote(detail, sizeof detail, goodstead_text(what)) == 0) strcpy(detail, "\"\"");
    snprintf(json, sizeof json, "{\"refused\":{\"kind\":\"%s\",\"detail\":%s}}", kind, detail);
    return goodstead_fake_reply(fake, json, NULL, 0);
}

/* Whether a path matches a glob of the protocol: `*` and `?` within a name, `**` across names. */
GOODSTEAD_HELPER int goodstead_fake_matches(const char *glob, const char *path) {
    if (*glob == 0) return *path == 0;
    if (glob[0] == '*') {
        int across = glob[1] == '*';
        const char *rest = glob + (across ? 2 : 1);
        for (;; path++) {
            if (goodstead_fake_matches(rest, path)) return 1;
            if (*path == 0 || (*path == '/' && !across)) return 0;
        }
    }
    if (*path == 0 || (*glob == '?' ? *path == '/' : *glob != *path)) return 0;
    return goodstead_fake_matches(glob + 1, path + 1);
}

/* A file's content, or NULL. */
GOODSTEAD_HELPER char *goodstead_fake_content(const GoodsteadFake *fake, const char *path, size_t *length) {
    char real[4096];
    for (const GoodsteadFakeFile *file = fake->files; file && file->path; file++) {
        if (strcmp(file->path, path) == 0) {
            *length = strlen(file->content);
            return goodstead_fake_copy(file->content, *length);
        }
    }
    if (fake->folder == NULL || strstr(path, "..")) return NULL;
    snprintf(real, sizeof real, "%s%s", fake->folder, path);
    FILE *file = fopen(real, "rb");
    if (file == NULL) return NULL;
    char *content = NULL;
    size_t used = 0, read = 0;
    char part[4096];
    while ((read = fread(part, 1, sizeof part, file)) > 0) {
        content = (char *)realloc(content, used + read + 1);
        if (content == NULL) abort();
        memcpy(content + used, part, read);
        used += read;
    }
    fclose(file);
    *length = used;
    return content ? content : goodstead_fake_copy("", 0);
}

/* `{"ok":{"list":[…]}}` of a directory: of the table, or below `folder`. */
GOODSTEAD_HELPER GoodsteadReply goodstead_fake_list(GoodsteadFake *fake, const char *path) {
    char json[GOODSTEAD_REQUEST_ROOM] = "{\"ok\":{\"list\":[";
    size_t used = strlen(json), length = strlen(path);
    int found = 0;
    char seen[64][256];
    for (const GoodsteadFakeFile *file = fake->files; file && file->path && found < 64; file++) {
        if (strncmp(file->path, path, length) != 0 || file->path[length] != '/') continue;
        const char *name = file->path + length + 1, *end = strchr(name, '/');
        size_t letters = end ? (size_t)(end - name) : strlen(name);
        int known = 0;
        if (letters >= sizeof seen[0]) continue;
        for (int i = 0; i < found; i++) known |= strlen(seen[i]) == letters && strncmp(seen[i], name, letters) == 0;
        if (known) continue;
        memcpy(seen[found], name, letters);
        seen[found][letters] = 0;
        used += (size_t)snprintf(json + used, sizeof json - used, "%s{\"name\":\"%s\",\"kind\":\"%s\"}",
                                 found ? "," : "", seen[found], end ? "folder" : "file");
        if (used + 512 > sizeof json) return goodstead_fake_refuse(fake, "too-large", "the fake site lists fewer names");
        found++;
    }
    if (found == 0 && fake->folder && !strstr(path, "..")) {
        char real[4096];
        struct dirent **names = NULL;
        snprintf(real, sizeof real, "%s%s", fake->folder, path);
        int count = scandir(real, &names, NULL, alphasort);
        for (int i = 0; i < count; i++) {
            char below[8192];
            struct stat stat_of;
            snprintf(below, sizeof below, "%s/%s", real, names[i]->d_name);
            if (names[i]->d_name[0] != '.' && lstat(below, &stat_of) == 0 && used + 512 < sizeof json) {
                const char *kind = S_ISREG(stat_of.st_mode)   ? "file"
                                   : S_ISDIR(stat_of.st_mode) ? "folder"
                                   : S_ISLNK(stat_of.st_mode) ? "link"
                                                              : "other";
                used += (size_t)snprintf(json + used, sizeof json - used, "%s{\"name\":\"%s\",\"kind\":\"%s\"}",
                                         found++ ? "," : "", names[i]->d_name, kind);
            }
            free(names[i]);
        }
        free(names);
        if (count >= 0) found++;
    }
    if (found == 0) return goodstead_fake_refuse(fake, "absent", path);
    snprintf(json + used, sizeof json - used, "]}}");
    return goodstead_fake_reply(fake, json, NULL, 0);
}

/* All files of the table that match a glob of the request. */
GOODSTEAD_HELPER GoodsteadReply goodstead_fake_read_many(GoodsteadFake *fake, GoodsteadBytes request) {
    char json[GOODSTEAD_REQUEST_ROOM] = "{\"ok\":{\"read_many\":{\"files\":[";
    size_t used = strlen(json), length = 0;
    char *data = goodstead_fake_copy("", 0);
    int found = 0;
    for (const GoodsteadFakeFile *file = fake->files; file && file->path; file++) {
        int wanted = 0;
        /* Each text of the request from the list of globs on: those behind `except` take away. */
        const char *at = strstr((const char *)request.data, "\"globs\":["), *except = NULL;
        if (at == NULL) break;
        at += strlen("\"globs\":");
        except = strstr(at, "\"except\":[");
        while ((at = strchr(at, '"')) != NULL) {
            char glob[4096];
            const char *end = strchr(at + 1, '"');
            if (end == NULL) break;
            snprintf(glob, sizeof glob, "%.*s", (int)(end - at - 1), at + 1);
            if (at == except) {
                at = strchr(end, '[');
                if (at == NULL) break;
                continue;
            }
            if (goodstead_fake_matches(glob, file->path)) wanted = except == NULL || at < except;
            at = end + 1;
        }
        if (!wanted) continue;
        size_t size = strlen(file->content);
        used += (size_t)snprintf(json + used, sizeof json - used, "%s{\"path\":\"%s\",\"size\":{\"ok\":%zu}}",
                                 found++ ? "," : "", file->path, size);
        if (used + 512 > sizeof json) abort();
        data = (char *)realloc(data, length + size + 1);
        if (data == NULL) abort();
        memcpy(data + length, file->content, size + 1);
        length += size;
    }
    snprintf(json + used, sizeof json - used, "]}}}");
    return goodstead_fake_reply(fake, json, data, length);
}

GOODSTEAD_HELPER GoodsteadReply goodstead_fake_connect(GoodsteadFake *fake, const char *address) {
    for (const GoodsteadFakeConnection *it = fake->connections; it && it->address; it++) {
        int ends[2];
        if (strcmp(it->address, address) != 0) continue;
        if (fake->product > 0) close(fake->product);
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) abort();
        /* It is much less than a socket holds, and then nothing more comes. */
        if (write(ends[0], it->sends, strlen(it->sends)) < 0) abort();
        shutdown(ends[0], SHUT_WR);
        fake->product = ends[0];
        GoodsteadReply reply = goodstead_fake_reply(fake, "{\"ok\":{\"connect\":{\"user\":\"goodstead\"}}}", NULL, 0);
        reply.descriptor = ends[1];
        return reply;
    }
    return goodstead_fake_refuse(fake, "not-available", "nothing listens at this address");
}

GOODSTEAD_HELPER GoodsteadReply goodstead_fake_ask(void *context, GoodsteadBytes request) {
    GoodsteadFake *fake = (GoodsteadFake *)context;
    char ask[32], value[4096], json[256];
    char *text = goodstead_fake_copy(request.data, request.length);
    GoodsteadBytes whole = goodstead_text(text);
    GoodsteadReply reply;
    size_t length = 0;
    goodstead_field(whole, "ask", ask, sizeof ask);
    int on_path = goodstead_field(whole, "path", value, sizeof value) > 0;
    if (on_path && (strcmp(ask, "read") == 0 || strcmp(ask, "stat") == 0)) {
        char *content = goodstead_fake_content(fake, value, &length);
        if (content == NULL) {
            reply = goodstead_fake_refuse(fake, "absent", value);
        } else if (strcmp(ask, "read") == 0) {
            reply = goodstead_fake_reply(fake, "{\"ok\":\"read\"}", content, length);
        } else {
            free(content);
            snprintf(json, sizeof json,
                     "{\"ok\":{\"stat\":{\"kind\":\"file\",\"size\":%zu,\"mode\":420,\"uid\":0,\"gid\":0,\"modified\":0}}}",
                     length);
            reply = goodstead_fake_reply(fake, json, NULL, 0);
        }
    } else if (on_path && strcmp(ask, "list") == 0) {
        reply = goodstead_fake_list(fake, value);
    } else if (strcmp(ask, "read_many") == 0) {
        reply = goodstead_fake_read_many(fake, whole);
    } else if (strcmp(ask, "connect") == 0 && goodstead_field(whole, "address", value, sizeof value) > 0) {
        reply = goodstead_fake_connect(fake, value);
    } else if (strcmp(ask, "run") == 0 && goodstead_field(whole, "command", value, sizeof value) > 0) {
        const GoodsteadFakeCommand *found = NULL;
        for (const GoodsteadFakeCommand *it = fake->commands; it && it->name && !found; it++) {
            if (strcmp(it->name, value) == 0) found = it;
        }
        if (found) {
            snprintf(json, sizeof json, "{\"ok\":{\"run\":{\"code\":%d}}}", found->code);
            length = strlen(found->output);
            reply = goodstead_fake_reply(fake, json, goodstead_fake_copy(found->output, length), length);
        } else {
            reply = goodstead_fake_refuse(fake, "absent", value);
        }
    } else {
        reply = goodstead_fake_refuse(fake, "not-available", "the fake site does not answer such requests");
    }
    free(text);
    return reply;
}

GOODSTEAD_HELPER void goodstead_fake_emit(void *context, GoodsteadBytes json) {
    GoodsteadFake *fake = (GoodsteadFake *)context;
    free(fake->emitted);
    fake->emitted = goodstead_fake_copy(json.data, json.length);
    fake->emits++;
}

/* The site as the plugin is handed it. */
GOODSTEAD_HELPER GoodsteadSite goodstead_fake_site(GoodsteadFake *fake) {
    GoodsteadSite site;
    site.context = fake;
    site.ask = goodstead_fake_ask;
    site.emit = goodstead_fake_emit;
    free(fake->emitted);
    fake->emitted = NULL;
    fake->emits = 0;
    return site;
}

/* What the plugin's discover emits; NULL when it fails, or does not emit exactly once. Valid until the next call. */
GOODSTEAD_HELPER const char *goodstead_fake_discover(GoodsteadFake *fake) {
    GoodsteadSite site = goodstead_fake_site(fake);
    int32_t code = goodstead_plugin_discover(&site);
    return code == 0 && fake->emits == 1 ? fake->emitted : NULL;
}

/* What the plugin's gather emits for a target in JSON; NULL as above. */
GOODSTEAD_HELPER const char *goodstead_fake_gather(GoodsteadFake *fake, const char *target) {
    GoodsteadSite site = goodstead_fake_site(fake);
    int32_t code = goodstead_plugin_gather(&site, goodstead_text(target));
    return code == 0 && fake->emits == 1 ? fake->emitted : NULL;
}

/* Frees what the site holds. */
GOODSTEAD_HELPER void goodstead_fake_free(GoodsteadFake *fake) {
    if (fake->product > 0) close(fake->product);
    free(fake->emitted);
    free(fake->json);
    free(fake->data);
    memset(fake, 0, sizeof *fake);
}
