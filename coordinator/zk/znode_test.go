package zk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"momus/internal/model"
)

// recode decodes a recorded node as its path demands and encodes it again. ok is false for paths
// that have no JSON.
func recode(path string, data []byte) (again []byte, ok bool, err error) {
	last := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case strings.HasPrefix(path, BrokerIDsPath+"/"):
		var raw struct {
			JMXPort   int32  `json:"jmx_port"`
			Timestamp string `json:"timestamp"`
			Version   int    `json:"version"`
		}
		if err := json.Unmarshal(data, &raw); err != nil {
			return nil, true, err
		}
		id, _ := strconv.Atoi(last)
		b, err := DecodeBroker(int32(id), data)
		if err != nil {
			return nil, true, err
		}
		ts, _ := strconv.ParseInt(raw.Timestamp, 10, 64)
		return EncodeBroker(&Registration{Endpoints: b.Endpoints, Rack: b.Rack, JMXPort: raw.JMXPort, Timestamp: ts, Version: raw.Version}), true, nil
	case strings.HasSuffix(path, "/state"):
		s, err := DecodeState(data, 7)
		return EncodeState(s), true, err
	case strings.HasPrefix(path, TopicsPath+"/"):
		a, err := DecodeTopic(last, data)
		return EncodeTopic(a), true, err
	case path == ControllerPath:
		var raw struct{ Timestamp string }
		if err := json.Unmarshal(data, &raw); err != nil {
			return nil, true, err
		}
		id, err := DecodeController(data)
		ts, _ := strconv.ParseInt(raw.Timestamp, 10, 64)
		return EncodeController(id, ts), true, err
	case strings.HasPrefix(path, configChangePrefix):
		ch, err := DecodeConfigChange(data)
		return EncodeConfigChange(ch), true, err
	case strings.HasPrefix(path, "/config/"):
		c, err := DecodeConfig(data)
		return EncodeConfig(c), true, err
	case path == ReassignPartitionsPath:
		rs, err := DecodeReassignments(data)
		return EncodeReassignments(rs), true, err
	case path == PreferredElectionPath, strings.HasPrefix(path, isrChangePrefix):
		tps, err := DecodePartitions(data)
		return EncodePartitions(tps), true, err
	case strings.HasPrefix(path, logDirEventPrefix):
		id, err := DecodeLogDirEvent(data)
		return EncodeLogDirEvent(id), true, err
	case path == ProducerIDBlockPath:
		b, err := DecodeProducerIDBlock(data)
		return EncodeProducerIDBlock(b), true, err
	case path == ClusterIDPath:
		id, err := DecodeClusterID(data)
		return EncodeClusterID(id), true, err
	}
	return nil, false, nil
}

func TestRecordedNodesSurviveDecodingAndEncoding(t *testing.T) {
	recorded, err := os.ReadFile("testdata/znodes.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, line := range strings.Split(string(recorded), "\n") {
		fields := strings.SplitN(line, "\t", 3)
		if len(fields) != 3 {
			continue
		}
		fixture, path, data := fields[0], fields[1], fields[2]
		again, ok, err := recode(path, []byte(data))
		if !ok {
			continue
		}
		checked++
		if strings.Contains(data, `"log_dirs"`) || strings.HasPrefix(fixture, "68b") && path == ReassignPartitionsPath {
			if err == nil {
				t.Errorf("%s %s: an unknown key was accepted", fixture, path)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", fixture, path, err)
			continue
		}
		var want, got any
		if err := json.Unmarshal([]byte(data), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s %s\nrecorded %s\nencoded  %s", fixture, path, data, again)
		}
		if bytes.ContainsAny(again, " \n\\") {
			t.Errorf("%s %s: not compact: %s", fixture, path, again)
		}
	}
	if checked < 80 {
		t.Fatalf("only %d recorded nodes were checked", checked)
	}
}

func TestBrokerRegistrationsOfAllVersions(t *testing.T) {
	plain := model.Endpoint{Listener: "PLAINTEXT", Protocol: model.Plaintext, Host: "h", Port: 9092}
	for _, c := range []struct {
		name, data string
		want       model.Broker
	}{
		{"version 1 has host and port only", `{"version":1,"host":"h","port":9092,"jmx_port":-1,"timestamp":"1"}`,
			model.Broker{ID: 3, Endpoints: []model.Endpoint{plain}}},
		{"version 2 names listeners after protocols", `{"version":2,"host":"h","port":9092,"jmx_port":9999,"timestamp":"1","endpoints":["PLAINTEXT://h:9092","SSL://[::1]:9093"]}`,
			model.Broker{ID: 3, Endpoints: []model.Endpoint{plain, {Listener: "SSL", Protocol: model.SSL, Host: "::1", Port: 9093}}}},
		{"version 3 has a rack, which may be null", `{"version":3,"endpoints":["PLAINTEXT://h:9092"],"rack":null,"host":null,"port":-1,"jmx_port":-1}`,
			model.Broker{ID: 3, Endpoints: []model.Endpoint{plain}}},
		{"version 4 maps listeners, and later keys are ignored", `{"version":5,"features":{},"listener_security_protocol_map":{"OUT":"SASL_SSL"},"endpoints":["OUT://h:1"],"rack":"r"}`,
			model.Broker{ID: 3, Rack: "r", Endpoints: []model.Endpoint{{Listener: "OUT", Protocol: model.SASLSSL, Host: "h", Port: 1}}}},
	} {
		b, err := DecodeBroker(3, []byte(c.data))
		if err != nil || !reflect.DeepEqual(*b, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, b, err, c.want)
		}
	}
	for _, bad := range []string{``, `{}`, `[]`, `{"version":1}`, `{"version":4,"endpoints":["nonsense"]}`, `{"version":4,"listener_security_protocol_map":{},"endpoints":["A://h:1"]}`} {
		if b, err := DecodeBroker(3, []byte(bad)); err == nil {
			t.Errorf("%s was accepted as %+v", bad, b)
		}
	}
}

func TestBrokerWithoutPlaintextHasNoHost(t *testing.T) {
	got := string(EncodeBroker(&Registration{Version: 4, JMXPort: -1, Timestamp: 5, Endpoints: []model.Endpoint{{Listener: "S", Protocol: model.SSL, Host: "h", Port: 1}}}))
	want := `{"listener_security_protocol_map":{"S":"SSL"},"endpoints":["S://h:1"],"jmx_port":-1,"host":null,"timestamp":"5","port":-1,"version":4}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTopicsOfOldVersionsHaveNoReassignments(t *testing.T) {
	a, err := DecodeTopic("t", []byte(`{"version":1,"partitions":{"1":[2],"0":[1,2]}}`))
	if err != nil || len(a) != 2 || a[0].Adding != nil || !reflect.DeepEqual(a[0].Replicas, []int32{1, 2}) {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestConfigNodesWithoutUsableDataHaveNoOverrides(t *testing.T) {
	for _, data := range []string{"", "not json", `{"version":1}`} {
		if c, err := DecodeConfig([]byte(data)); err != nil || len(c) != 0 || c == nil {
			t.Errorf("%q: %v, %v", data, c, err)
		}
	}
	if c, err := DecodeConfig([]byte(`{"version":1,"config":{"retention.ms":1}}`)); err == nil {
		t.Errorf("a number was accepted as a value: %v", c)
	}
}

func TestConfigChangesOfVersionOneAreRead(t *testing.T) {
	ch, err := DecodeConfigChange([]byte(`{"version":1,"entity_type":"topics","entity_name":"t"}`))
	if err != nil || ch != (ConfigChange{EntityTopics, "t"}) {
		t.Errorf("%+v, %v", ch, err)
	}
	for _, bad := range []string{``, `1`, `{"version":1,"entity_type":"users","entity_name":"u"}`, `{"version":2,"entity_path":"topics"}`, `{"version":2,"entity_path":"moons/x"}`, `{"version":3}`} {
		if ch, err := DecodeConfigChange([]byte(bad)); err == nil {
			t.Errorf("%s was accepted as %+v", bad, ch)
		}
	}
}

func TestEntityNamesAreEncodedAsInJava(t *testing.T) {
	for name, want := range map[string]string{
		"cl A/b": "cl%20A%2Fb", "CN=al ice*": "CN%3Dal%20ice%2A", "a-b._": "a-b._", "~": "%7E", "é+": "%C3%A9%2B", "<default>": "<default>",
	} {
		if got := SanitizeEntity(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
		if back := DesanitizeEntity(want); back != name {
			t.Errorf("%q back is %q, want %q", want, back, name)
		}
	}
}

func TestConnectStringsAreSplit(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"h", "[h:2181] "}, {"h1:1,h2:2/a/b", "[h1:1 h2:2] /a/b"}, {" h1:1 , h2 /a/", "[h1:1 h2:2181] /a"}, {"h:1/", "[h:1] "}, {"[::1]:5,[::2]", "[[::1]:5 [::2]:2181] "},
	} {
		servers, chroot, err := ParseConnect(c.in)
		if got := fmt.Sprintf("%v %s", servers, chroot); err != nil || strings.TrimSpace(got) != strings.TrimSpace(c.want) {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "/a", ","} {
		if _, _, err := ParseConnect(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzZnodes(f *testing.F) {
	f.Add(byte(0), []byte(`{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://127.0.0.1:19091"],"rack":"r1","jmx_port":-1,"host":"127.0.0.1","timestamp":"1","port":19091,"version":4}`))
	f.Add(byte(1), []byte(`{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1,3]}`))
	f.Add(byte(2), []byte(`{"version":2,"partitions":{"2":[1,3],"0":[2,1]},"adding_replicas":{"0":[2]},"removing_replicas":{}}`))
	f.Add(byte(3), []byte(`{"version":1,"brokerid":1,"timestamp":"1"}`))
	f.Add(byte(4), []byte(`{"version":2,"entity_path":"users/a/clients/b"}`))
	f.Add(byte(5), []byte(`{"version":1,"config":{"a":"b"}}`))
	f.Add(byte(6), []byte(`{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[3,1]}]}`))
	f.Add(byte(7), []byte(`{"version":1,"partitions":[{"topic":"t","partition":0}]}`))
	f.Add(byte(8), []byte(`{"version":1,"broker":3,"event":1}`))
	f.Add(byte(9), []byte(`{"version":1,"broker":1,"block_start":"0","block_end":"999"}`))
	f.Add(byte(10), []byte(`{"version":"1","id":"xBsruDm9RgiWfGD1Ruarfg"}`))
	paths := []string{"/brokers/ids/1", "/brokers/topics/t/partitions/0/state", "/brokers/topics/t", ControllerPath, configChangePrefix + "1",
		"/config/topics/t", ReassignPartitionsPath, PreferredElectionPath, logDirEventPrefix + "1", ProducerIDBlockPath, ClusterIDPath}
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		path := paths[int(kind)%len(paths)]
		again, _, err := recode(path, data)
		if err != nil {
			return
		}
		third, _, err := recode(path, again) // what we write we must be able to read, as the same
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("%s: %s is written as %s and then as %s, %v", path, data, again, third, err)
		}
	})
}
