/* The plugin with a product that is made of a table: `make` runs this before anything else. */
#undef NDEBUG
#include <assert.h>

#include "goodstead_fake.h"

#define SOCKET "/run/@name@/@name@.sock"
#define TARGET "{\"address\":\"unix:" SOCKET "\"}"

static void the_product_is_asked_for_its_version(void) {
    GoodsteadFakeFile files[] = {{SOCKET, ""}, {0, 0}};
    GoodsteadFakeConnection connections[] = {{"unix:" SOCKET, "1.2 \"beta\"\nmore"}, {0, 0}};
    GoodsteadFake site = {0};
    char asked[64] = {0};
    site.files = files;
    site.connections = connections;
    const char *targets = goodstead_fake_discover(&site);
    assert(targets && strstr(targets, "\"unix:" SOCKET "\""));
    const char *facts = goodstead_fake_gather(&site, TARGET);
    assert(facts && strcmp(facts, "{\"version\": \"1.2 \\\"beta\\\"\"}") == 0);
    assert(read(site.product, asked, sizeof asked - 1) > 0 && strcmp(asked, "version\n") == 0);
    goodstead_fake_free(&site);
}

static void a_product_that_says_nothing_is_unknown(void) {
    GoodsteadFakeConnection connections[] = {{"unix:" SOCKET, ""}, {0, 0}};
    GoodsteadFake site = {0};
    site.connections = connections;
    const char *facts = goodstead_fake_gather(&site, TARGET);
    assert(facts && strstr(facts, "it closed the connection"));
    goodstead_fake_free(&site);
}

static void where_nothing_listens_it_is_unknown_with_the_cause(void) {
    GoodsteadFake site = {0};
    const char *targets = goodstead_fake_discover(&site);
    assert(targets && strcmp(targets, "[]") == 0);
    const char *facts = goodstead_fake_gather(&site, TARGET);
    assert(facts && strstr(facts, "\"$unknown\":{\"kind\":\"not-available\""));
    goodstead_fake_free(&site);
}

int main(void) {
    the_product_is_asked_for_its_version();
    a_product_that_says_nothing_is_unknown();
    where_nothing_listens_it_is_unknown_with_the_cause();
    puts("3 unit tests passed");
    return 0;
}
