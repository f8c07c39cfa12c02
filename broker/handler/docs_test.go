package handler

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"momus/broker/protocol"
	"momus/internal/testbase"
)

var writeDocs = flag.Bool("write-docs", false, "write docs/apis.md anew")

const apisPage = "../../docs/apis.md"

// The page of APIs is made from the table: go test ./broker/handler -run TestPageOfAPIs -write-docs
func TestPageOfAPIs(t *testing.T) {
	served := map[protocol.Key]api{}
	for _, row := range rows() {
		served[row.key] = row
	}
	var b strings.Builder
	b.WriteString("# APIs\n\nMade from the broker's own table (`broker/handler/table.go`), which ApiVersions, dispatch and metrics use too. Versions are those of Apache Kafka 2.5.0.\n" +
		"\nRights are what the authorizer is asked, in this order. A right in bold is asked before anything else, and without it the whole request is\n" +
		"refused with CLUSTER_AUTHORIZATION_FAILED; the others refuse what they are about, or are alternatives.\n\n" +
		"| key | name | versions | flexible from | rights |\n|---|---|---|---|---|\n")
	for key := range protocol.Key(protocol.Count) {
		info, ok := protocol.Lookup(key)
		if !ok {
			t.Fatalf("key %d has no entry", key)
		}
		row, ok := served[key]
		if !ok {
			t.Fatalf("%s is not served", info.Name)
		}
		flexible := ""
		if info.Flexible >= 0 && info.Flexible <= info.Max {
			flexible = fmt.Sprint(info.Flexible)
		}
		fmt.Fprintf(&b, "| %d | %s | 0–%d | %s | %s |\n", key, info.Name, info.Max, flexible, rightsOf(row))
	}
	testbase.Page(t, apisPage, b.String(), *writeDocs, "go test ./broker/handler -run TestPageOfAPIs -write-docs")
}

// rightsOf lists the rights of a row.
func rightsOf(row api) string {
	var out []string
	if row.needs != (right{}) {
		out = append(out, "**"+row.needs.String()+"**")
	}
	for _, x := range row.asks {
		out = append(out, x.String())
	}
	return strings.Join(out, ", ")
}
