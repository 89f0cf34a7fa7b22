/* The plugin on sites that are made of tables: `make` runs this before anything else. */
#undef NDEBUG
#include <assert.h>

#include "goodstead_fake.h"

static void the_system_is_reported_by_its_name(void) {
    GoodsteadFakeFile files[] = {{"/etc/os-release", "ID=demo\nPRETTY_NAME=\"Demo \xc3\xa9 \\ 1\"\n"}, {0, 0}};
    GoodsteadFake site = {0};
    site.files = files;
    const char *targets = goodstead_fake_discover(&site);
    assert(targets && strcmp(targets, "[{\"title\": \"@name@\"}]") == 0);
    const char *facts = goodstead_fake_gather(&site, "{}");
    assert(facts && strcmp(facts, "{\"system\": \"Demo \xc3\xa9 \\\\ 1\"}") == 0);
    goodstead_fake_free(&site);
}

static void what_cannot_be_read_is_unknown_with_its_cause(void) {
    GoodsteadFake site = {0};
    const char *targets = goodstead_fake_discover(&site);
    assert(targets && strcmp(targets, "[]") == 0);
    const char *facts = goodstead_fake_gather(&site, "{}");
    assert(facts && strstr(facts, "\"$unknown\":{\"kind\":\"absent\""));
    goodstead_fake_free(&site);
}

int main(void) {
    the_system_is_reported_by_its_name();
    what_cannot_be_read_is_unknown_with_its_cause();
    puts("2 unit tests passed");
    return 0;
}
