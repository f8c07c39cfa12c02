package sasl

import (
	"regexp"
	"strings"
	"testing"
)

// Kafka's own expressions.
const (
	saslName   = `(?:[\x01-\x2b\x2d-\x3c\x3e-\x7f]|=2C|=3D)+`
	scramValue = `[\x01-\x2b\x2d-\x7f]+`
	scramNonce = `[\x21-\x2b\x2d-\x7e]+`
	base64Text = `(?:[a-zA-Z0-9/+]{4})*(?:[a-zA-Z0-9/+]{2}==|[a-zA-Z0-9/+]{3}=)?`
	extensions = `((?:,[A-Za-z]+=` + scramValue + `)*)`
)

var (
	clientFirst = regexp.MustCompile(`\An,(?:a=(` + saslName + `))?,(?:m=` + scramValue + `,)?n=(` + saslName + `),r=(` + scramNonce + `)` + extensions + `\z`)
	clientFinal = regexp.MustCompile(`\Ac=(` + base64Text + `),r=(` + scramNonce + `)` + extensions + `,p=(` + base64Text + `)\z`)
	oauthFirst  = regexp.MustCompile(`\An,(?:a=(` + saslName + `))?,\x01((?:[A-Za-z]+=[\x21-\x7e \t\r\n]+\x01)*)\x01\z`)
	oauthAuth   = regexp.MustCompile(`\A(\w+) +([-_.a-zA-Z0-9]+)\z`)
)

// FuzzScan compares what is read by hand with what Kafka's expressions match.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"n,,n=u,r=abc", "n,a=u=2C,m=x,n=u=3D,r=abc,tokenauth=true,x==", "n,a=,n=u,r=a", "n,a=u", "n,,m=,n=u,r=a", "n,,n=u,r=a,", "n,,n=u=,r=a", "n,,n=u,r=a,1=b", "y,,n=u,r=a",
		"c=biws,r=abc,p=AAAA", "c=,r=a,x=y,p=AA==,p=AAA=", "c=biws,r=a,p=A", "c=bi=,r=a,p=", "c=biws,r=,p=", "c=biws,r=a", "c=biw=s,r=a,p=",
		"n,,\x01auth=Bearer abc\x01\x01", "n,a=u,\x01host=h\x01auth=Bearer  a.b-c_\x01\x01", "n,,\x01\x01", "n,,\x01auth=\x01\x01", "n,,\x01a=b\x01\x01x", "n,,\x01a1=b\x01\x01", "Bearer x", "Bearer  x y", " x", "ä x", "n,,n=ä,r=a"} {
		f.Add(s)
	}
	same := func(t *testing.T, s, what string, want []string, ok bool, got ...string) {
		t.Helper()
		if (want != nil) != ok {
			t.Fatalf("%s of %q: %v, Kafka's expression says %v", what, s, ok, want != nil)
		}
		if ok && strings.Join(want[1:], "\x00") != strings.Join(got, "\x00") {
			t.Fatalf("%s of %q: %q instead of %q", what, s, got, want[1:])
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, ok := parseScramFirst(s)
		same(t, s, "first", clientFirst.FindStringSubmatch(s), ok, first.authzid, first.name, first.nonce, first.extensions)
		final, ok := parseScramFinal(s)
		want := clientFinal.FindStringSubmatch(s)
		if want != nil {
			want = append(want[:3:3], want[4]) // extensions count for nothing there
		}
		same(t, s, "final", want, ok, final.binding, final.nonce, final.proof)
		authzid, auth, ok := parseOAuthPairs(s)
		want = oauthFirst.FindStringSubmatch(s)
		if want != nil {
			last := ""
			for pair := range strings.SplitSeq(want[2], "\x01") {
				if name, value, _ := strings.Cut(pair, "="); name == "auth" {
					last = value
				}
			}
			want[2] = last
		}
		same(t, s, "pairs", want, ok, authzid, auth)
		scheme, token, ok := parseOAuthToken(s)
		same(t, s, "token", oauthAuth.FindStringSubmatch(s), ok, scheme, token)
	})
}

// BenchmarkLargeMessages is what the largest messages of a stranger cost.
func BenchmarkLargeMessages(b *testing.B) {
	const size = 512 << 10
	long := strings.Repeat("a", size)
	scramServer := func() Mechanism { return &scram{settings: ScramSettings{Users: users{}}, mechanism: SCRAMSHA256} }
	oauthServer := func() Mechanism { return NewOAuth(NewUnsecured(nil)) }
	for name, m := range map[string]struct {
		begin   func() Mechanism
		message string
	}{
		"nonce": {scramServer, "n,,n=x,r=" + long}, "user": {scramServer, "n,,n=" + long + ",r=a"}, "extensions": {scramServer, "n,,n=x,r=a" + strings.Repeat(",a=b", size/4)},
		"token": {oauthServer, "n,,\x01auth=Bearer " + long + "\x01\x01"}, "pairs": {oauthServer, "n,,\x01" + strings.Repeat("a=b\x01", size/4) + "\x01"},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if _, done, _ := m.begin().Step(now, []byte(m.message)); done {
					b.Fatal("it logs in")
				}
			}
		})
	}
}
