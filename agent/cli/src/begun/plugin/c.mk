LIBRARY = build/@library@
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -Wall -Wextra -fPIC@include@

build: $(LIBRARY) build/test
	build/test

$(LIBRARY): @name@.c
	mkdir -p build
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -shared -o $@ $<

build/test: test.c @name@.c
	mkdir -p build
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^

clean:
	rm -rf build
