package core

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"momus/cmd/internal/tool/java"
	"momus/configs"
)

// ReadFile reads a file as Java does: a missing one is an exception whose text is just the name.
func ReadFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, syscall.EISDIR) {
		return nil, &java.Error{Class: "java.io.IOException", Text: "Is a directory", Cause: errors.New(path)}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &java.Error{Class: "java.nio.file.NoSuchFileException", Text: path}
	}
	return data, err
}

// ReadProperties reads a Java property file; no name is an empty file.
func ReadProperties(path string) (map[string]string, error) {
	if path == "" {
		return map[string]string{}, nil
	}
	data, err := ReadFile(path)
	if err != nil {
		return nil, MissingFile(err, path)
	}
	return configs.ParseProperties(data)
}

// MissingFile adds to a missing file what a person wants to know.
func MissingFile(err error, path string) error {
	var je *java.Error
	if errors.As(err, &je) && je.Text == path {
		return &java.Error{Class: je.Class, Text: path, Cause: errors.New("no such file")}
	}
	return err
}

// KeyValues reads key=value words as Kafka's CommandLineUtils.parseKeyValueArgs: a word without =
// has an empty value. Of a value with = in it Kafka takes what is before the next one; here all of
// it counts, as a login (sasl.jaas.config) needs.
func KeyValues(words []string, into map[string]string) error {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		into[k] = v
	}
	return nil
}
