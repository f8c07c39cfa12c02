package digestmd5_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"momus/internal/digestmd5"
)

const uri = "zookeeper/zk-sasl-md5"

// exchange is what a recording says about the tokens of one exchange with ZooKeeper 3.4.14.
type exchange struct{ name, challenge, response, last string }

func recordings(t testing.TB) (all []exchange) {
	files, _ := filepath.Glob("testdata/zk-digest-md5*.json")
	for _, file := range files {
		var r struct {
			Name  string
			Steps []struct{ What, Token string }
		}
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		x := exchange{name: r.Name}
		for _, s := range r.Steps {
			switch {
			case strings.HasPrefix(s.What, "response: "):
				x.response = strings.TrimPrefix(s.What, "response: ")
			case strings.HasPrefix(s.Token, "rspauth="):
				x.last = s.Token
			case s.Token != "":
				x.challenge = s.Token
			}
		}
		all = append(all, x)
	}
	if len(all) != 5 {
		t.Fatalf("%d recordings", len(all))
	}
	return all
}

// nonce is that of a recorded challenge.
func nonce(challenge string) string {
	_, after, _ := strings.Cut(challenge, `nonce="`)
	n, _, _ := strings.Cut(after, `"`)
	return n
}

func TestBothSidesSpeakAsRecorded(t *testing.T) {
	for _, x := range recordings(t) {
		s := digestmd5.Server{Realm: "zk-sasl-md5", URI: uri, Nonce: nonce(x.challenge), Password: func(user string) (string, bool) { return "kafkasecret", user == "kafka" }}
		if got := string(s.Challenge()); got != x.challenge {
			t.Errorf("%s: challenge %s, want %s", x.name, got, x.challenge)
		}
		user, last, err := s.Verify([]byte(x.response))
		if x.last == "" {
			if err == nil || last != nil {
				t.Errorf("%s: accepted as %s", x.name, user)
			}
			continue
		}
		if err != nil || user != "kafka" || string(last) != x.last {
			t.Errorf("%s: %s, %s, %v; want %s", x.name, user, last, err, x.last)
		}
		c := digestmd5.Client{User: "kafka", Password: "kafkasecret", URI: uri, CNonce: "OA6MHXh6VqTrRk"}
		if got, err := c.Respond([]byte(x.challenge)); err != nil || string(got) != x.response {
			t.Errorf("%s: response %s, %v\nwant %s", x.name, got, err, x.response)
		}
		if err := c.Verify([]byte(x.last)); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if err := c.Verify([]byte("rspauth=b19ca2432c258704993c7cac56e19c4d")); err == nil {
			t.Errorf("%s: a server that does not know the password is believed", x.name)
		}
	}
}

func TestAnyNameAndPasswordPasses(t *testing.T) {
	for user, password := range map[string]string{"kafka": "secret", `a"b\c,d=e`: `p"q\`, "Zoë": "pässword", "名": "密", " x ": ""} {
		c := digestmd5.Client{User: user, Password: password, URI: uri}
		s := digestmd5.Server{Realm: "r", URI: uri, Password: func(u string) (string, bool) { return password, u == user }}
		response, err := c.Respond(s.Challenge())
		if err != nil {
			t.Fatal(err)
		}
		who, last, err := s.Verify(response)
		if err != nil || who != user {
			t.Errorf("%q: %q, %v", user, who, err)
		}
		if err := c.Verify(last); err != nil {
			t.Errorf("%q: %v", user, err)
		}
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	for challenge, want := range map[string]string{
		"":                                   "no nonce",
		`nonce="x`:                           "no list",
		`nonce=x,algorithm=md5`:              "md5-sess",
		`nonce=x,nonce=y,algorithm=md5-sess`: "twice",
		`nonce=x,algorithm=md5-sess,qop="auth-int, auth-conf"`: "only auth",
		strings.Repeat("a", 5000):                              "more than",
	} {
		c := digestmd5.Client{User: "u", Password: "hush", URI: uri}
		if _, err := c.Respond([]byte(challenge)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", challenge, err, want)
		}
	}
	if err := new(digestmd5.Client).Verify([]byte("rspauth=")); err == nil {
		t.Error("a server is believed before it has challenged")
	}
}

func FuzzTokens(f *testing.F) {
	for _, x := range recordings(f) {
		for _, token := range []string{x.challenge, x.response, x.last} {
			f.Add([]byte(token))
		}
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		c := digestmd5.Client{User: "u", Password: "p", URI: uri}
		c.Respond(token)
		c.Verify(token)
		s := digestmd5.Server{Realm: "r", URI: uri, Nonce: "n", Password: func(string) (string, bool) { return "p", true }}
		s.Challenge()
		s.Verify(token)
	})
}
