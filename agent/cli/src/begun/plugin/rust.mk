# `make PROFILE=release` for what is shipped.
PROFILE ?= dev
TARGET ?= build/cargo
CARGO = --quiet --profile $(PROFILE) --target-dir $(TARGET)
LIBRARY = $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/@library@

build:
	cargo test $(CARGO)
	cargo build $(CARGO)

clean:
	rm -rf build
