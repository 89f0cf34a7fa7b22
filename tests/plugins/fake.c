/* The helpers and the fake site of the SDK for C, request by request. FOLDER holds etc/demo.d/a.conf. */
#undef NDEBUG
#include <assert.h>

#include "goodstead_fake.h"

static int32_t code = 0;

uint32_t goodstead_plugin_protocol(void) { return GOODSTEAD_PROTOCOL; }

int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
    goodstead_emit(site, "[]");
    return code;
}

int32_t goodstead_plugin_gather(const GoodsteadSite *site, GoodsteadBytes target) {
    char name[64];
    if (goodstead_field(target, "name", name, sizeof name) > 0) goodstead_emit(site, name);
    goodstead_emit(site, "{}");
    return 0;
}

static int is(GoodsteadBytes bytes, const char *text) {
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

static void quoting(void) {
    char out[64];
    assert(goodstead_quote(out, sizeof out, goodstead_bytes("a\"\\\n\xff\xc3\xa9\xed\xa0\x80", 10)) > 0);
    assert(strcmp(out, "\"a\\\"\\\\\\u000a?\xc3\xa9???\"") == 0);
    for (size_t room = 0; room < 12; room++) assert(goodstead_quote(out, room, goodstead_text("abcdefgh")) == 0);
    assert(goodstead_field(goodstead_text("{\"b\": {\"a\" : \"x\\u000ay\\\"\"}}"), "a", out, sizeof out) == 4);
    assert(strcmp(out, "x\ny\"") == 0);
    assert(goodstead_field(goodstead_text("{\"a\": 1}"), "a", out, sizeof out) == 0);
    assert(goodstead_field(goodstead_text("{\"a\": \"longer\"}"), "a", out, 4) == 0 && out[0] == 0);
    assert(goodstead_number(goodstead_text("{\"size\": 12, \"uid\":-3}"), "uid", 0) == -3);
    assert(goodstead_number(goodstead_text("{\"size\": \"12\"}"), "size", 7) == 7);
}

static void requests(void) {
    GoodsteadFakeFile files[] = {
        {"/etc/demo/a.conf", "one"}, {"/etc/demo/b.conf", "three"}, {"/etc/demo/sub/c.conf", "five"}, {0, 0}};
    GoodsteadFakeCommand commands[] = {{"version", "1.2\n", 3}, {0, 0, 0}};
    GoodsteadFakeConnection connections[] = {{"unix:/run/demo.sock", "hello"}, {0, 0}};
    GoodsteadFake fake = {0};
    char text[256];
    fake.files = files;
    fake.commands = commands;
    fake.connections = connections;
    fake.folder = FOLDER;
    GoodsteadSite site = goodstead_fake_site(&fake);

    assert(is(goodstead_read(&site, "/etc/demo/a.conf").data, "one"));
    assert(is(goodstead_read(&site, "/etc/demo.d/a.conf").data, "in a folder"));
    GoodsteadReply reply = goodstead_read(&site, "/etc/\"gone");
    assert(!goodstead_is_granted(reply));
    assert(goodstead_unknown(text, sizeof text, reply) > 0);
    assert(strcmp(text, "{\"$unknown\":{\"kind\":\"absent\",\"detail\":\"/etc/\\\"gone\"}}") == 0);
    assert(goodstead_number(goodstead_stat(&site, "/etc/demo/b.conf").json, "size", 0) == 5);

    const char *globs[] = {"/etc/demo/*.conf", "/etc/**/c.conf"}, *except[] = {"/etc/demo/a*"};
    assert(is(goodstead_read_many(&site, globs, 2, NULL, 0).data, "onethreefive"));
    assert(is(goodstead_read_many(&site, globs, 1, NULL, 0).data, "onethree"));
    reply = goodstead_read_many(&site, globs, 2, except, 1);
    assert(is(reply.data, "threefive"));
    assert(is(reply.json, "{\"ok\":{\"read_many\":{\"files\":[{\"path\":\"/etc/demo/b.conf\",\"size\":{\"ok\":5}},"
                          "{\"path\":\"/etc/demo/sub/c.conf\",\"size\":{\"ok\":4}}]}}}"));
    assert(is(goodstead_list(&site, "/etc/demo").json,
              "{\"ok\":{\"list\":[{\"name\":\"a.conf\",\"kind\":\"file\"},{\"name\":\"b.conf\",\"kind\":\"file\"},"
              "{\"name\":\"sub\",\"kind\":\"folder\"}]}}"));
    assert(is(goodstead_list(&site, "/etc/demo.d").json, "{\"ok\":{\"list\":[{\"name\":\"a.conf\",\"kind\":\"file\"}]}}"));
    assert(!goodstead_is_granted(goodstead_list(&site, "/nowhere")));

    reply = goodstead_run(&site, "version");
    assert(is(reply.data, "1.2\n") && goodstead_number(reply.json, "code", -1) == 3);
    assert(!goodstead_is_granted(goodstead_run(&site, "other")));

    reply = goodstead_connect(&site, "unix:/run/demo.sock");
    assert(goodstead_is_granted(reply) && reply.descriptor >= 0);
    assert(read(reply.descriptor, text, sizeof text) == 5 && memcmp(text, "hello", 5) == 0);
    assert(read(reply.descriptor, text, sizeof text) == 0);
    assert(write(reply.descriptor, "question", 8) == 8 && read(fake.product, text, sizeof text) == 8);
    close(reply.descriptor);
    assert(goodstead_connect(&site, "unix:/run/other.sock").descriptor == -1);

    /* What the fake site does not answer is refused, and so is what is too long. */
    const char *paths[] = {"/"}, *several[] = {"{\"ask\":\"read\",\"path\":\"/\"}"};
    assert(!goodstead_is_granted(goodstead_statfs(&site, paths, 1)));
    assert(!goodstead_is_granted(goodstead_find(&site, "/etc", "*.conf")));
    assert(!goodstead_is_granted(goodstead_several(&site, several, 1)));
    char *longest = malloc(GOODSTEAD_REQUEST_ROOM + 1);
    memset(longest, 'a', GOODSTEAD_REQUEST_ROOM);
    longest[GOODSTEAD_REQUEST_ROOM] = 0;
    const char *longer[] = {longest};
    assert(!goodstead_is_granted(goodstead_read(&site, longest)));
    assert(!goodstead_is_granted(goodstead_find(&site, longest, "*")));
    assert(!goodstead_is_granted(goodstead_find(&site, "/etc", longest)));
    assert(!goodstead_is_granted(goodstead_read_many(&site, longer, 1, NULL, 0)));
    assert(!goodstead_is_granted(goodstead_several(&site, longer, 1)));
    free(longest);
    goodstead_fake_free(&fake);
}

static void results(void) {
    GoodsteadFake fake = {0};
    const char *emitted = goodstead_fake_discover(&fake);
    assert(emitted && strcmp(emitted, "[]") == 0);
    code = 1;
    assert(goodstead_fake_discover(&fake) == NULL);
    emitted = goodstead_fake_gather(&fake, "{}");
    assert(emitted && strcmp(emitted, "{}") == 0);
    assert(goodstead_fake_gather(&fake, "{\"name\":\"twice\"}") == NULL);
    goodstead_fake_free(&fake);
}

int main(void) {
    quoting();
    requests();
    results();
    puts("all requests");
    return 0;
}
