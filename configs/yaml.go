package configs

import (
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// mapKeys are the keys whose value is itself a list of name:value and may be written as a YAML
// mapping.
var mapKeys = [...]string{"listener.security.protocol.map", "max.connections.per.ip.overrides"}

// maxYAMLDepth bounds nesting; no key has more parts.
const maxYAMLDepth = 32

// parseYAML reads the settings of a YAML file: nested mappings, dotted keys or both, sequences as
// lists. Scalars keep the form they are written in, so that 1.0 and 0.10.2 stay what they are. A
// null leaves the key unset.
func parseYAML(data []byte) ([]setting, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return nil, nil
	}
	r := yamlReader{}
	if err := r.walk("", doc.Content[0], 0); err != nil {
		return nil, err
	}
	return r.out, nil
}

type yamlReader struct {
	out []setting
}

func (r *yamlReader) walk(path string, n *yaml.Node, depth int) error {
	if depth > maxYAMLDepth {
		return fmt.Errorf("line %d: nested too deeply", n.Line)
	}
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(path, n, depth)
	case yaml.SequenceNode:
		if path == "" {
			return fmt.Errorf("line %d: a list where key: value lines belong", n.Line)
		}
		items := make([]string, 0, len(n.Content))
		// Lists have no lists in them: the value of a key is one line in the end.
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: %s: an element of a list must be a plain value", item.Line, path)
			}
			items = append(items, item.Value)
		}
		r.add(path, strings.Join(items, ","), n.Line)
	case yaml.ScalarNode:
		// key: with nothing behind it.
		if n.Tag == "!!null" {
			return nil
		}
		if path == "" {
			return fmt.Errorf("line %d: a value where key: value lines belong", n.Line)
		}
		r.add(path, n.Value, n.Line)
	// Aliases could make a small file very large.
	case yaml.AliasNode:
		return fmt.Errorf("line %d: %s: YAML aliases are not supported", n.Line, path)
	}
	return nil
}

func (r *yamlReader) mapping(path string, n *yaml.Node, depth int) error {
	for _, k := range mapKeys {
		if path == k {
			return r.pairs(path, n)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		// Numbers as keys are text here.
		if k.Kind != yaml.ScalarNode || k.Value == "" {
			return fmt.Errorf("line %d: a key must be a name", k.Line)
		}
		key := k.Value
		if path != "" {
			key = path + "." + key
		}
		if err := r.walk(key, n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (r *yamlReader) pairs(path string, n *yaml.Node) error {
	var items []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || v.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: %s: want name: value", k.Line, path)
		}
		items = append(items, k.Value+":"+v.Value)
	}
	r.add(path, strings.Join(items, ","), n.Line)
	return nil
}

func (r *yamlReader) add(key, value string, line int) {
	r.out = append(r.out, setting{key: key, value: value, line: line})
}
