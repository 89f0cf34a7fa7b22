/* Every request that a plugin can make of its site, one function each, and helpers for their replies.
 *
 * Header only, C11 or C++, without memory of its own. docs/PLUGIN-PROTOCOL.md has the requests, the replies and the
 * kinds of refusals with an example each. The texts of one request may have GOODSTEAD_REQUEST_ROOM bytes in all; a
 * longer request is refused here, like by the agent. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goodstead_plugin.h"

/* Not every plugin uses every function. */
#if defined(__GNUC__)
#define GOODSTEAD_HELPER static inline __attribute__((unused))
#else
#define GOODSTEAD_HELPER static inline
#endif

#define GOODSTEAD_REQUEST_ROOM 8192

/* Lends bytes for one call. */
GOODSTEAD_HELPER GoodsteadBytes goodstead_bytes(const void *data, size_t length) {
    GoodsteadBytes lent;
    lent.data = (const uint8_t *)data;
    lent.length = length;
    return lent;
}

/* Lends a text for one call. */
GOODSTEAD_HELPER GoodsteadBytes goodstead_text(const char *text) {
    return goodstead_bytes(text, strlen(text));
}

/* How many bytes at `at` are one character of UTF-8; 0 where they are none. */
GOODSTEAD_HELPER size_t goodstead_character(GoodsteadBytes text, size_t at) {
    uint8_t first = text.data[at];
    size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    if (length == 0 || text.length - at < length) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text.data[at + i] & 0xc0) != 0x80) return 0;
    }
    if (length > 2) {
        uint8_t second = text.data[at + 1];
        /* Longer than need be, half of a pair, or beyond the last character. */
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
        if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
    }
    return length;
}

/* Writes `text` as a JSON string with its quotes and a final null. Bytes that are not UTF-8 become `?`. Returns the
 * length without the null, or 0 when it does not fit in `room`. */
GOODSTEAD_HELPER size_t goodstead_quote(char *out, size_t room, GoodsteadBytes text) {
    size_t used = 0;
    if (room < 3) return 0;
    out[used++] = '"';
    for (size_t at = 0; at < text.length;) {
        size_t length = goodstead_character(text, at);
        uint8_t letter = text.data[at];
        /* The longest escape has six letters; a quote and a null follow. */
        if (room - used < 8) return 0;
        if (length == 0) {
            out[used++] = '?';
            length = 1;
        } else if (letter == '"' || letter == '\\') {
            out[used++] = '\\';
            out[used++] = (char)letter;
        } else if (letter < 0x20) {
            used += (size_t)snprintf(out + used, room - used, "\\u%04x", letter);
        } else {
            memcpy(out + used, text.data + at, length);
            used += length;
        }
        at += length;
    }
    out[used++] = '"';
    out[used] = 0;
    return used;
}

/* The text under the first key `name` of a JSON text: of the target that `gather` is given, for example "address".
 * Returns its length, or 0 when it is not there, is no text, or does not fit in `room`. */
GOODSTEAD_HELPER size_t goodstead_field(GoodsteadBytes json, const char *name, char *out, size_t room) {
    char key[128];
    size_t used = 0, at = 0, length = goodstead_quote(key, sizeof key, goodstead_text(name));
    if (room == 0) return 0;
    out[0] = 0;
    for (;; at++) {
        if (length == 0 || at + length >= json.length) return 0;
        if (memcmp(json.data + at, key, length) != 0) continue;
        size_t next = at + length;
        while (next < json.length && json.data[next] == ' ') next++;
        if (next >= json.length || json.data[next] != ':') continue;
        for (next++; next < json.length && json.data[next] == ' '; next++) {
        }
        if (next >= json.length || json.data[next] != '"') return 0;
        at = next + 1;
        break;
    }
    while (at < json.length && json.data[at] != '"') {
        char letter = (char)json.data[at++];
        if (letter == '\\' && at < json.length) {
            letter = (char)json.data[at++];
            if (letter == 'n') letter = '\n';
            if (letter == 't') letter = '\t';
            if (letter == 'r') letter = '\r';
            if (letter == 'b') letter = '\b';
            if (letter == 'f') letter = '\f';
            if (letter == 'u') {
                /* Only control characters are written so. */
                char digits[5] = {0};
                if (json.length - at < 4) return 0;
                memcpy(digits, json.data + at, 4);
                letter = (char)strtol(digits, NULL, 16);
                at += 4;
            }
        }
        if (used + 1 >= room) {
            out[0] = 0;
            return 0;
        }
        out[used++] = letter;
    }
    out[used] = 0;
    return used;
}

/* The whole number under the first key `name` of a JSON text, for example "size" of a reply to `stat`. */
GOODSTEAD_HELPER long long goodstead_number(GoodsteadBytes json, const char *name, long long otherwise) {
    char key[128];
    size_t length = goodstead_quote(key, sizeof key, goodstead_text(name));
    for (size_t at = 0; length > 0 && at + length + 1 < json.length; at++) {
        if (memcmp(json.data + at, key, length) != 0) continue;
        size_t next = at + length;
        while (next < json.length && (json.data[next] == ' ' || json.data[next] == ':')) next++;
        char digits[24] = {0};
        size_t count = json.length - next < sizeof digits - 1 ? json.length - next : sizeof digits - 1;
        memcpy(digits, json.data + next, count);
        char *end = digits;
        long long number = strtoll(digits, &end, 10);
        return end == digits ? otherwise : number;
    }
    return otherwise;
}

/* Whether the agent did what was asked. */
GOODSTEAD_HELPER int goodstead_is_granted(GoodsteadReply reply) {
    return reply.json.length >= 5 && memcmp(reply.json.data, "{\"ok\"", 5) == 0;
}

/* Writes the fact that stands for what a refused request would have shown: unknown, with the agent's own cause.
 * Returns its length, or 0 when it does not fit in `room` or nothing was refused. */
GOODSTEAD_HELPER size_t goodstead_unknown(char *out, size_t room, GoodsteadReply reply) {
    static const char refused[] = "{\"refused\":";
    size_t begin = sizeof refused - 1;
    if (reply.json.length <= begin || memcmp(reply.json.data, refused, begin) != 0) return 0;
    int length = snprintf(out, room, "{\"$unknown\":%.*s", (int)(reply.json.length - begin),
                          (const char *)reply.json.data + begin);
    return length > 0 && (size_t)length < room ? (size_t)length : 0;
}

/* What the functions below return for a request that is too long. */
GOODSTEAD_HELPER GoodsteadReply goodstead_too_long(void) {
    GoodsteadReply reply;
    reply.json = goodstead_text("{\"refused\":{\"kind\":\"too-large\",\"detail\":\"the request is too long\"}}");
    reply.data = goodstead_bytes(NULL, 0);
    reply.descriptor = -1;
    return reply;
}

/* A request that is about one text. */
GOODSTEAD_HELPER GoodsteadReply goodstead_ask_one(const GoodsteadSite *site, const char *ask, const char *key,
                                                  const char *value) {
    char request[GOODSTEAD_REQUEST_ROOM];
    size_t used = (size_t)snprintf(request, sizeof request, "{\"ask\":\"%s\",\"%s\":", ask, key);
    size_t quoted = goodstead_quote(request + used, sizeof request - used - 2, goodstead_text(value));
    if (quoted == 0) return goodstead_too_long();
    used += quoted;
    request[used++] = '}';
    return site->ask(site->context, goodstead_bytes(request, used));
}

/* Writes `,"key":["…","…"]` behind what is there already; 0 when it does not fit. */
GOODSTEAD_HELPER size_t goodstead_put_list(char *out, size_t used, size_t room, const char *key,
                                           const char *const *texts, size_t count) {
    int written = snprintf(out + used, room - used, ",\"%s\":[", key);
    if (written < 0 || (size_t)written >= room - used) return 0;
    used += (size_t)written;
    for (size_t i = 0; i < count; i++) {
        if (room - used < 4) return 0;
        if (i > 0) out[used++] = ',';
        size_t quoted = goodstead_quote(out + used, room - used - 2, goodstead_text(texts[i]));
        if (quoted == 0) return 0;
        used += quoted;
    }
    out[used++] = ']';
    return used;
}

/* The bytes of one file, as data. */
GOODSTEAD_HELPER GoodsteadReply goodstead_read(const GoodsteadSite *site, const char *path) {
    return goodstead_ask_one(site, "read", "path", path);
}

/* The names in a directory. */
GOODSTEAD_HELPER GoodsteadReply goodstead_list(const GoodsteadSite *site, const char *path) {
    return goodstead_ask_one(site, "list", "path", path);
}

/* The names in a directory that match a glob of a single name, of those that the manifest asks for. */
GOODSTEAD_HELPER GoodsteadReply goodstead_find(const GoodsteadSite *site, const char *path, const char *matching) {
    char request[GOODSTEAD_REQUEST_ROOM] = "{\"ask\":\"find\",\"path\":";
    static const char between[] = ",\"matching\":";
    size_t used = strlen(request), room = sizeof request - sizeof between - 1;
    size_t quoted = goodstead_quote(request + used, room - used, goodstead_text(path));
    if (quoted == 0) return goodstead_too_long();
    used += quoted;
    memcpy(request + used, between, sizeof between - 1);
    used += sizeof between - 1;
    quoted = goodstead_quote(request + used, sizeof request - 1 - used, goodstead_text(matching));
    if (quoted == 0) return goodstead_too_long();
    used += quoted;
    request[used++] = '}';
    return site->ask(site->context, goodstead_bytes(request, used));
}

/* Kind, size, mode, owner and time of a file, without opening it. */
GOODSTEAD_HELPER GoodsteadReply goodstead_stat(const GoodsteadSite *site, const char *path) {
    return goodstead_ask_one(site, "stat", "path", path);
}

/* A connection to an accepted target ("unix:/run/demo.sock"): `descriptor` is a connected stream socket. */
GOODSTEAD_HELPER GoodsteadReply goodstead_connect(const GoodsteadSite *site, const char *address) {
    return goodstead_ask_one(site, "connect", "address", address);
}

/* The output of a command of the manifest, by its name there, as data. */
GOODSTEAD_HELPER GoodsteadReply goodstead_run(const GoodsteadSite *site, const char *command) {
    return goodstead_ask_one(site, "run", "command", command);
}

/* The bytes of all files that match one of the globs and none of `except`, one after another as data. */
GOODSTEAD_HELPER GoodsteadReply goodstead_read_many(const GoodsteadSite *site, const char *const *globs, size_t count,
                                                    const char *const *except, size_t except_count) {
    char request[GOODSTEAD_REQUEST_ROOM] = "{\"ask\":\"read_many\"";
    size_t used = goodstead_put_list(request, strlen(request), sizeof request - 1, "globs", globs, count);
    if (used > 0 && except_count > 0) {
        used = goodstead_put_list(request, used, sizeof request - 1, "except", except, except_count);
    }
    if (used == 0) return goodstead_too_long();
    request[used++] = '}';
    return site->ask(site->context, goodstead_bytes(request, used));
}

/* Space and inodes of the file systems that hold these paths, in their order. */
GOODSTEAD_HELPER GoodsteadReply goodstead_statfs(const GoodsteadSite *site, const char *const *paths, size_t count) {
    char request[GOODSTEAD_REQUEST_ROOM] = "{\"ask\":\"statfs\"";
    size_t used = goodstead_put_list(request, strlen(request), sizeof request - 1, "paths", paths, count);
    if (used == 0) return goodstead_too_long();
    request[used++] = '}';
    return site->ask(site->context, goodstead_bytes(request, used));
}

/* Several of `read`, `read_many`, `list`, `find` and `stat` in one round trip; each is a request in JSON. */
GOODSTEAD_HELPER GoodsteadReply goodstead_several(const GoodsteadSite *site, const char *const *requests,
                                                  size_t count) {
    char request[GOODSTEAD_REQUEST_ROOM] = "{\"ask\":\"several\",\"requests\":[";
    size_t used = strlen(request);
    for (size_t i = 0; i < count; i++) {
        int written = snprintf(request + used, sizeof request - used, "%s%s", i > 0 ? "," : "", requests[i]);
        if (written < 0 || (size_t)written + 3 >= sizeof request - used) return goodstead_too_long();
        used += (size_t)written;
    }
    request[used++] = ']';
    request[used++] = '}';
    return site->ask(site->context, goodstead_bytes(request, used));
}

/* Hands over the result: a list of targets, or a record of facts. */
GOODSTEAD_HELPER void goodstead_emit(const GoodsteadSite *site, const char *json) {
    site->emit(site->context, goodstead_text(json));
}
