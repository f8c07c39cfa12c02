package tool

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"momus/configs"
)

// readFile reads a file as Java does: a missing one is an exception whose text is just the name.
func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &javaError{class: "java.nio.file.NoSuchFileException", text: path}
	}
	return data, err
}

// readProperties reads a Java property file; no name is an empty file.
func readProperties(path string) (map[string]string, error) {
	if path == "" {
		return map[string]string{}, nil
	}
	data, err := readFile(path)
	if err != nil {
		return nil, missingFile(err, path)
	}
	return configs.ParseProperties(data)
}

// missingFile adds to a missing file what a person wants to know.
func missingFile(err error, path string) error {
	var je *javaError
	if errors.As(err, &je) {
		return &javaError{class: je.class, text: path, cause: errors.New("no such file")}
	}
	return err
}

// keyValues reads key=value words as Kafka's CommandLineUtils.parseKeyValueArgs: a word without = is refused when strict, else its
// value is empty.
func keyValues(words []string, into map[string]string) error {
	for _, w := range words {
		if w == "" {
			continue
		}
		k, v, _ := strings.Cut(w, "=")
		if k == "" {
			return illegalArgument("Invalid command line properties: %s", strings.Join(words, " "))
		}
		into[k] = v
	}
	return nil
}
