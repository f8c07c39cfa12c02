package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
	"momus/coordinator/zk"
)

// configsView is what kafka-configs describes.
type configsView struct {
	Entities []entityView `json:"entities"`
}

// entityView is one entity: of one type, or of users and clients together.
type entityView struct {
	Entity  []entityName `json:"entity"`
	Configs []configView `json:"configs"`
}

// entityName is a part of an entity's name: quotas may be those of a user and of a client together.
type entityName struct {
	Type string  `json:"type"`
	Name *string `json:"name"` // null: the default
}

// configView is one config in --json, with what Kafka prints behind it in text.
type configView struct {
	Name      string         `json:"name"`
	Value     *string        `json:"value"` // null when it is sensitive
	Sensitive bool           `json:"sensitive"`
	Source    string         `json:"source,omitempty"` // not known over ZooKeeper
	Synonyms  []configSource `json:"synonyms,omitempty"`
}

// configSource is one of the places that a value is looked for in, the first that has it wins
// (KIP-226).
type configSource struct {
	Source string  `json:"source"`
	Name   string  `json:"name"`
	Value  *string `json:"value"`
}

// newEntityName is the name of an entity of a type; "" is the default of the type.
func newEntityName(kind, name string) entityName {
	if name == "" {
		return entityName{Type: kind}
	}
	return entityName{Type: kind, Name: &name}
}

// addBroker adds an entity as the admin API describes it, keys in the order of their names.
func (v *configsView) addBroker(kind, name string, entries []clients.ConfigEntry) {
	x := entityView{Entity: []entityName{newEntityName(kind, name)}, Configs: []configView{}}
	for _, e := range entries {
		y := configView{Name: e.Name, Value: e.Value, Sensitive: e.IsSensitive, Source: e.Source.String()}
		for _, s := range e.ConfigSynonyms {
			y.Synonyms = append(y.Synonyms, configSource{s.Source.String(), s.Name, s.Value})
		}
		x.Configs = append(x.Configs, y)
	}
	slices.SortFunc(x.Configs, func(a, b configView) int { return strings.Compare(a.Name, b.Name) })
	v.Entities = append(v.Entities, x)
}

// addZooKeeper adds an entity as its znode has it; a user's client is an entity of two names.
func (v *configsView) addZooKeeper(e *configEntity, configs map[string]string) {
	x := entityView{Configs: []configView{}}
	for ; e != nil; e = e.child {
		name := ""
		switch {
		case e.name == nil || *e.name == zk.DefaultEntity:
		case e.kind == "users" || e.kind == "clients":
			name = zk.DesanitizeEntity(*e.name)
		default:
			name = *e.name
		}
		x.Entity = append(x.Entity, newEntityName(e.kind, name))
	}
	for _, k := range slices.Sorted(maps.Keys(configs)) {
		value := configs[k]
		x.Configs = append(x.Configs, configView{Name: k, Value: &value})
	}
	v.Entities = append(v.Entities, x)
}

// Tables implements screen.View: a table an entity, or one line that it has no configs of its own.
func (v *configsView) Tables() []screen.Table {
	var out []screen.Table
	for _, e := range v.Entities {
		var words []string
		for _, n := range e.Entity {
			word := map[string]string{"topics": "Topic ", "brokers": "Broker ", "broker-loggers": "Loggers of broker ", "users": "User ", "clients": "Client "}[n.Type]
			if n.Name == nil {
				words = append(words, "Default for "+n.Type)
			} else {
				words = append(words, word+*n.Name)
			}
		}
		t := screen.Table{Title: strings.Join(words, ", "), Header: []string{"CONFIG", "VALUE", "SOURCE"}}
		for _, c := range e.Configs {
			value := core.StringOf(c.Value)
			if c.Sensitive {
				value = "(hidden)"
			}
			t.Rows = append(t.Rows, screen.Cells(c.Name, value, strings.ToLower(strings.ReplaceAll(c.Source, "_", " "))))
		}
		if len(e.Configs) == 0 {
			t = screen.Table{Title: fmt.Sprintf("%s: no configs of its own", t.Title)}
		}
		out = append(out, t)
	}
	return out
}
