package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Realm is a key distribution center of MIT's for EXAMPLE.COM, on a free port. It needs Debian's
// krb5-kdc, krb5-admin-server and krb5-user, or the like.
type Realm struct {
	Dir    string // of its files
	Config string // krb5.conf
}

// StartRealm makes the principals, each with a random key in a keytab of its own, and starts the
// center.
func StartRealm(t testing.TB, principals ...string) *Realm {
	t.Helper()
	r := &Realm{Dir: t.TempDir()}
	r.Config = filepath.Join(r.Dir, "krb5.conf")
	port := FreePort(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(r.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// No reverse look-ups and no UDP: names of a test have no DNS, and the port is a TCP port
	// alone.
	write("krb5.conf", fmt.Sprintf("[libdefaults]\ndefault_realm = EXAMPLE.COM\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\nudp_preference_limit = 1\n"+
		"[realms]\nEXAMPLE.COM = {\n kdc = 127.0.0.1:%d\n}\n", port))
	write("kdc.conf", fmt.Sprintf("[kdcdefaults]\nkdc_ports = \"\"\nkdc_listen = \"\"\nkdc_tcp_listen = 127.0.0.1:%d\n[realms]\nEXAMPLE.COM = {\n database_name = %[2]s/db\n key_stash_file = %[2]s/stash\n"+
		" supported_enctypes = aes256-cts:normal aes128-cts:normal\n}\n", port, r.Dir))
	r.run(t, "kdb5_util", "create", "-s", "-r", "EXAMPLE.COM", "-P", "master")
	for _, p := range principals {
		r.run(t, "kadmin.local", "-q", "addprinc -randkey "+p)
		r.run(t, "kadmin.local", "-q", "ktadd -k "+r.Keytab(p)+" "+p)
	}
	Start(t, "krb5kdc", Spec{Args: []string{"/usr/sbin/krb5kdc", "-n"}, Env: r.Env()})
	// kinit is the only question that says whether it serves.
	Eventually(t, 10*time.Second, "the key distribution center serves", func() bool {
		return r.Login(principals[0], filepath.Join(r.Dir, "cc")) == nil
	})
	return r
}

// Env is what MIT's programs and libraries, and momus, find the realm by.
func (r *Realm) Env() []string {
	return []string{"KRB5_CONFIG=" + r.Config, "KRB5_KDC_PROFILE=" + filepath.Join(r.Dir, "kdc.conf")}
}

// run runs a program of MIT Kerberos with the realm's own configuration.
func (r *Realm) run(t testing.TB, args ...string) {
	t.Helper()
	Run(t, time.Minute, Spec{Args: append([]string{"/usr/sbin/" + args[0]}, args[1:]...), Env: r.Env()})
}

// Keytab is the file with a principal's key.
func (r *Realm) Keytab(principal string) string {
	return filepath.Join(r.Dir, strings.NewReplacer("/", "-", "@", "-").Replace(principal)+".keytab")
}

// Login gets a ticket for a principal into a cache, as a person would with kinit.
func (r *Realm) Login(principal, cache string) error {
	_, err := TryRun(20*time.Second, Spec{Args: []string{"kinit", "-k", "-t", r.Keytab(principal), "-c", cache, principal}, Env: r.Env()})
	return err
}

// ChangeKey gives a principal another key, which nobody's keytab has.
func (r *Realm) ChangeKey(t testing.TB, principal string) {
	t.Helper()
	r.run(t, "kadmin.local", "-q", "cpw -randkey "+principal)
}

// JAAS is the login module of a principal with its keytab.
func (r *Realm) JAAS(principal string) string {
	return fmt.Sprintf("com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab=%q principal=%q;", r.Keytab(principal), principal+"@EXAMPLE.COM")
}

// LoginOption writes a JAAS file and is the option by which a JVM, or momus, finds it.
func LoginOption(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jaas.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "-Djava.security.auth.login.config=" + path
}

// ZooKeeperSASL are the lines of a server's configuration by which it takes the scheme sasl in ACLs.
var ZooKeeperSASL = []string{"authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider"}
