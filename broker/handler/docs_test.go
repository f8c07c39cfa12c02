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
		"An API without versions is not served yet and not advertised.\n\nRights are what the authorizer is asked, in this order. A right in bold is asked before anything else, and without it the whole request is\n" +
		"refused with CLUSTER_AUTHORIZATION_FAILED; the others refuse what they are about, or are alternatives.\n\n" +
		"| key | name | versions | flexible from | rights |\n|---|---|---|---|---|\n")
	for key := range protocol.Key(protocol.Count) {
		info, ok := protocol.Lookup(key)
		if !ok {
			t.Fatalf("key %d has no entry", key)
		}
		versions, flexible, rights := "", "", ""
		if row, ok := served[key]; ok {
			rights = rightsOf(row)
			versions = fmt.Sprintf("0–%d", info.Max)
			if info.Flexible >= 0 && info.Flexible <= info.Max {
				flexible = fmt.Sprint(info.Flexible)
			}
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", key, info.Name, versions, flexible, rights)
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
