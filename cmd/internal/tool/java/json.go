package java

import (
	"bytes"
	"encoding/json"
)

// jsonMapping is the class of what Jackson throws for an empty document.
const jsonMapping = "com.fasterxml.jackson.databind.JsonMappingException"

// ParseJSON reads a document as Kafka's Json does: that it has no content is another exception than
// that it is broken, which is broken.
func ParseJSON(data []byte, into any, broken error) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return &Error{Class: jsonMapping, Text: "Expected JSON object, received "}
	}
	if json.Unmarshal(data, into) != nil {
		return broken
	}
	return nil
}

// NoField is the exception of an object that lacks a field.
func NoField(name string) error {
	return &Error{Class: jsonMapping, Text: "No such field exists: `" + name + "`"}
}
