LIBRARY = build/@library@
CFLAGS ?= -O2 -g
override CFLAGS += -std=c11 -Wall -Wextra -fPIC@include@

build: $(LIBRARY)

$(LIBRARY): @name@.c
	mkdir -p build
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -shared -o $@ $<

clean:
	rm -rf build
