package main

// version is set by the linker: -ldflags "-X main.version=2.0.0".
var version = "2.0.0-dev"
