package manual

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"momus/configs"
	"momus/internal/testbase"
)

var writeDocs = flag.Bool("write-docs", false, "write docs/keys.md anew")

const keysDocument = "../../../docs/keys.md"

// The reference of keys is made from their tables: go test ./cmd/internal/manual -run TestPageOfKeys -write-docs
func TestPageOfKeys(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Keys of the configuration\n\nMade from the tables that the broker itself uses (`configs/keys_broker.go`, `configs/keys_topic.go`). " +
		"[configuration.md](configuration.md) says\nwhere a value comes from; `momus config FILE` prints those of a file.\n\n" +
		"*Change* says how a key of a broker changes: `restart`, or while it runs by `kafka-configs --entity-type brokers` for one `broker` or for the whole `cluster`.\n" +
		"*Value* is its type, its default, and what is valid if not all of the type is. *No effect* marks the keys that are read, checked and shown, and change nothing here.\n\n## Brokers\n\n| key | meaning | value | change |\n|---|---|---|---|\n")
	none := 0
	for i := range configs.BrokerKeys() {
		k := &configs.BrokerKeys()[i]
		change := map[configs.UpdateMode]string{configs.ReadOnly: "restart", configs.PerBroker: "broker", configs.ClusterWide: "cluster"}[k.Update]
		if k.DynamicOnly {
			change += ", never in a file"
		}
		if k.NoEffect {
			none++
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, meaningOf(k), valueOf(k), change)
	}
	b.WriteString("\n## Topics\n\nThey are set with `kafka-topics --config` and `kafka-configs --entity-type topics`, and change at once. The default is that of the broker's key.\n\n" +
		"| key | meaning | value |\n|---|---|---|\n")
	for i := range configs.TopicKeys() {
		k := &configs.TopicKeys()[i]
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Name, meaningOf(k), valueOf(k))
	}
	b.WriteString("\n## momus itself\n\nThese begin with `momus.`; [configuration.md](configuration.md#keys-of-momus-itself) has them with their variables.\n")
	if none == 0 {
		t.Error("no key is without effect, which cannot be")
	}
	testbase.Page(t, keysDocument, b.String(), *writeDocs, "go test ./cmd/internal/manual -run TestPageOfKeys -write-docs")
}

// valueOf is type, default and valid values.
func valueOf(k *configs.Key) string {
	out := strings.ToLower(k.Type.String())
	switch {
	case k.ServerKey != "":
		out += ", `" + k.ServerKey + "`"
	case k.Required:
		out += ", required"
	case k.HasDefault && k.Default != "":
		out += ", `" + strings.ReplaceAll(k.Default, "|", `\|`) + "`"
	}
	if k.Valid != nil {
		out += ", of " + cell(k.Valid.String())
	}
	return out
}

func meaningOf(k *configs.Key) string {
	text := cell(k.Doc)
	if k.NoEffect {
		text = "**No effect.** " + text
	}
	return text
}
