package acls

import (
	"strings"
	"testing"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/tooltest"
)

func TestACLsInZooKeeper(t *testing.T) {
	zookeeper := tooltest.ZooKeeper(t)
	acls := func(stdin, words string) (int, string, string) {
		return tooltest.Run(t, Tool(), &core.Env{Args: append([]string{"--authorizer-properties", "zookeeper.connect=" + zookeeper}, strings.Fields(words)...), Stdin: strings.NewReader(stdin)})
	}
	const head = "ACLs for resource `ResourcePattern(resourceType=TOPIC, name=t1, patternType=LITERAL)`: \n "
	const bob = "\t(principal=User:bob, host=*, operation=READ, permissionType=ALLOW)"
	code, out, errs := acls("", "--add --allow-principal User:bob --operation Read --topic t1")
	if want := "Adding " + head + bob + " \n\nCurrent " + head + bob + " \n\n"; code != 0 || out != want || errs != "" {
		t.Errorf("add: exit %d\n%q\n%q\n%s", code, out, want, errs)
	}
	acls("", "--add --allow-principal User:prod --producer --idempotent --transactional-id tx --topic t --resource-pattern-type prefixed")
	if _, out, _ := acls("", "--list --topic team --resource-pattern-type match"); !strings.Contains(out, "name=t, patternType=PREFIXED") || strings.Contains(out, "name=t1") {
		t.Errorf("match: %s", out)
	}
	if _, out, _ := acls("", "--list --principal User:bob"); out != "ACLs for principal `User:bob`\nCurrent "+head+bob+" \n\n" {
		t.Errorf("principal: %q", out)
	}
	if code, out, _ := acls("n\n", "--remove --topic t1"); code != 0 || !strings.Contains(out, "Are you sure you want to delete all ACLs") || !strings.Contains(out, "Current "+head) {
		t.Errorf("no: exit %d, %s", code, out)
	}
	if code, _, _ := acls("", "--remove --topic t1"); code != 1 {
		t.Errorf("no answer: exit %d", code)
	}
	if code, out, _ := acls("Y\n", "--remove --topic t1"); code != 0 || strings.Contains(out, "Current") {
		t.Errorf("yes: exit %d, %s", code, out)
	}
	if _, out, _ := acls("", "--list"); strings.Contains(out, "t1") || strings.Count(out, "Current ACLs") != 3 {
		t.Errorf("what is left: %s", out)
	}
}

func TestMisuseOfACLs(t *testing.T) {
	for words, want := range map[string]string{
		"--list":                           `Missing required argument "[authorizer-properties]"`,
		"--bootstrap-server a:1 --topic t": "Command must include exactly one action: --list, --add, --remove. ",
		"--bootstrap-server a:1 --add --topic t --allow-principal User:a --operation Foo":             "ResourceType TOPIC only supports operations ALL,DELETE,ALTER,",
		"--bootstrap-server a:1 --add --allow-principal User:a --operation Read":                      "You must provide at least one resource",
		"--bootstrap-server a:1 --add --operation Read --topic t":                                     "You must specify one of: --allow-principal, --deny-principal",
		"--bootstrap-server a:1 --add --allow-principal User:a --topic t --resource-pattern-type any": "A '--resource-pattern-type' value of 'ANY' is not valid",
		"--bootstrap-server a:1 --add --allow-principal User:a --consumer --topic t":                  "With --consumer you must specify",
		"--authorizer-properties zookeeper.connect=a:1 --command-config x --list":                     "The --command-config option can only be used",
	} {
		code, out, errs := tooltest.Run(t, Tool(), &core.Env{Args: strings.Fields(words)})
		if code != 1 || out != "" || !strings.HasPrefix(errs, want) {
			t.Errorf("%s: exit %d\n%s%s", words, code, out, errs)
		}
	}
	for words, want := range map[string]string{
		"--bootstrap-server a:1 --add --allow-principal bob --topic t":                                "expected a string in format principalType:principalName but got bob",
		"--bootstrap-server a:1 --add --allow-principal User:a --topic t --resource-pattern-type foo": "Cannot parse argument 'foo' of option resource-pattern-type",
		"--authorizer-properties zookeeper.connect --list":                                            "Missing value for key zookeeper.connect",
		"--authorizer-properties x=y --list":                                                          `Missing required configuration "zookeeper.connect" which has no default value.`,
		"--authorizer a.B --authorizer-properties zookeeper.connect=a:1 --list":                       "a.B",
	} {
		code, out, _ := tooltest.Run(t, Tool(), &core.Env{Args: strings.Fields(words)})
		if code != 1 || !strings.HasPrefix(out, "Error while executing ACL command: "+want+"\n") {
			t.Errorf("%s: exit %d\n%s", words, code, out)
		}
	}
}
