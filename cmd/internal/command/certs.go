package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"momus/cmd/internal/certs"
	"momus/internal/keystore"
)

// certsCommand is one of the words after momus certs.
type certsCommand struct {
	name, args, help string
	run              func(ctx context.Context, e *Env, args []string) error
}

// certsCommands lists the commands below momus certs, in the order of their use.
func certsCommands() []certsCommand {
	return []certsCommand{
		{"ca", "[--dir certs] [--name NAME]", "make an authority, which signs the certificates of a cluster", certsCA},
		{"broker", "HOST... [--dir certs] [--name NAME]", "make the certificate of a broker that is reached under these host names and addresses", certsBroker},
		{"client", "NAME... [--dir certs]", "make certificates of clients", certsClient},
		{"check", "HOST:PORT [--ca FILE] [--cert FILE]", "say what a client would find wrong with a broker's TLS; exit status 1 if there is something", certsCheck},
	}
}

// runCerts makes and checks certificates.
func runCerts(ctx context.Context, e *Env, args []string) error {
	var text strings.Builder
	text.WriteString(usage("certs", nil))
	for _, c := range certsCommands() {
		if len(args) > 0 && args[0] == c.name {
			return c.run(ctx, e, args[1:])
		}
		fmt.Fprintf(&text, "  momus certs %s %s\n      %s\n", c.name, c.args, c.help)
	}
	switch {
	case len(args) == 0:
		fmt.Fprint(e.Stdout, text.String())
		return &Exit{Code: 1}
	case args[0] == "--help" || args[0] == "-h":
		fmt.Fprint(e.Stdout, text.String())
		return nil
	}
	return fmt.Errorf("momus certs: there is no %q\n%s", args[0], strings.TrimRight(text.String(), "\n"))
}

// certsOptions are those that all makers of certificates have.
type certsOptions struct {
	dir          string
	algorithm    string
	days         int
	organization string
	force        bool
	legacy       bool
	passwordFile string
}

// flags declares what the commands that make something have in common; stores says whether key
// stores are made.
func (o *certsOptions) flags(name string, days int, stores bool) *pflag.FlagSet {
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.StringVar(&o.dir, "dir", "certs", "directory of the authority and of what it signs")
	f.IntVar(&o.days, "days", days, "lifetime")
	f.StringVar(&o.organization, "organization", "", "organization in the subject")
	f.StringVar(&o.algorithm, "key", string(certs.EC), "kind of the key: ec, or rsa for very old clients")
	f.BoolVar(&o.force, "force", false, "replace files that are there")
	if stores {
		f.StringVar(&o.passwordFile, "password-file", "", "file whose first line is the stores' password; a random one when not given")
		f.BoolVar(&o.legacy, "legacy", false, "weaker encryption of the stores, which Java before 8u301 and 11.0.12 needs")
	}
	return f
}

// spec says what kind of certificate the options ask for; hosts are the names and addresses that
// clients may compare, none for an authority or a user.
func (o *certsOptions) spec(name string, hosts ...string) certs.Spec {
	return certs.Spec{Name: name, Organization: o.organization, Hosts: hosts, Days: o.days, Algorithm: certs.Algorithm(o.algorithm)}
}

// parse reads the command line and gives the other arguments.
func (o *certsOptions) parse(e *Env, f *pflag.FlagSet, args []string) ([]string, error) {
	if err := parse(e, "certs", f, args); err != nil {
		return nil, err
	}
	// A hundred years: longer than any clock that will check it.
	if o.days < 1 || o.days > 36500 {
		return nil, fmt.Errorf("--days %d: valid are 1 to 36500", o.days)
	}
	return f.Args(), nil
}

// directory is where all files of an authority lie; what is there is replaced only with --force.
func (o *certsOptions) directory() certs.Dir { return certs.Dir{Path: o.dir, Replace: o.force} }

// bundle writes the files of an identity and says so.
func (o *certsOptions) bundle(e *Env, name string, i *certs.Identity) error {
	b := certs.Bundle{Dir: o.directory(), Name: name, Legacy: o.legacy}
	if o.passwordFile != "" {
		data, err := os.ReadFile(o.passwordFile)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		line, _, _ := strings.Cut(string(data), "\n")
		if b.Password = strings.TrimRight(line, "\r"); len(b.Password) < 6 {
			return fmt.Errorf("--password-file %s: Java wants passwords of at least 6 characters", o.passwordFile)
		}
	}
	files, err := b.Write(i)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "certificate of %s, valid until %s, in %s:\n  %s\n", i.Certificate.Subject, i.Certificate.NotAfter.Format(time.DateOnly), o.dir, strings.Join(files, "\n  "))
	return nil
}

// certsCA makes an authority; one that is there stays unless --force is given, because everything
// it signed would be worthless.
func certsCA(_ context.Context, e *Env, args []string) error {
	var o certsOptions
	f := o.flags("ca", certs.AuthorityDays, false)
	name := f.String("name", "momus CA", "name of the authority")
	rest, err := o.parse(e, f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("momus certs ca takes no arguments, but got %s", strings.Join(rest, " "))
	}
	authority, err := certs.NewAuthority(o.spec(*name), time.Now())
	if err != nil {
		return err
	}
	if err := o.directory().WriteAuthority(authority); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "authority %s, valid until %s:\n  %s is for everybody\n  %s signs: keep it away from brokers and clients\nNext: momus certs broker HOST --dir %s\n",
		authority.Certificate.Subject, authority.Certificate.NotAfter.Format(time.DateOnly),
		filepath.Join(o.dir, certs.AuthorityFile), filepath.Join(o.dir, certs.AuthorityKeyFile), o.dir)
	return nil
}

// certsBroker makes a broker's certificate for all the names under which clients reach it: a client
// compares the name that it connected to.
func certsBroker(_ context.Context, e *Env, args []string) error {
	var o certsOptions
	f := o.flags("broker", certs.Days, true)
	name := f.String("name", "", "common name, and beginning of the files' names; the first host when not given")
	hosts, err := o.parse(e, f, args)
	if err != nil {
		return err
	}
	if len(hosts) == 0 {
		return errors.New("momus certs broker needs the host names under which clients reach the broker (advertised.listeners), for example: momus certs broker kafka1.example.com localhost")
	}
	// The first host is the file's name, and the subject; what counts for clients is the list.
	if *name == "" {
		*name = hosts[0]
	}
	authority, err := o.directory().ReadAuthority()
	if err != nil {
		return err
	}
	i, err := authority.IssueBroker(o.spec(*name, hosts...), time.Now())
	if err != nil {
		return err
	}
	return o.bundle(e, *name, i)
}

// certsClient makes a certificate for each name; the name becomes the principal, and the beginning
// of the files' names.
func certsClient(_ context.Context, e *Env, args []string) error {
	var o certsOptions
	names, err := o.parse(e, o.flags("client", certs.Days, true), args)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("momus certs client needs a name, for example: momus certs client alice")
	}
	authority, err := o.directory().ReadAuthority()
	if err != nil {
		return err
	}
	for _, name := range names {
		i, err := authority.IssueClient(o.spec(name), time.Now())
		if err != nil {
			return err
		}
		if err := o.bundle(e, name, i); err != nil {
			return err
		}
	}
	return nil
}

// certsCheck connects as a client would and says what is wrong; the exit code is 1 if anything is.
func certsCheck(ctx context.Context, e *Env, args []string) error {
	f := pflag.NewFlagSet("check", pflag.ContinueOnError)
	ca := f.String("ca", "", "authorities to trust: a PEM file, a JKS or PKCS12 store; those of the system when not given")
	cert := f.String("cert", "", "the client's certificate and key: a PEM file, a JKS or PKCS12 store")
	passwordFile := f.String("password-file", "", "file whose first line is the stores' password")
	name := f.String("name", "", "name that the certificate has to have; the host when not given")
	timeout := f.Duration("timeout", 5*time.Second, "of each connection")
	if err := parse(e, "certs", f, args); err != nil {
		return err
	}
	if len(f.Args()) != 1 {
		return errors.New("momus certs check needs one address, for example: momus certs check localhost:9093 --ca certs/ca.pem")
	}
	check := certs.Check{Address: f.Args()[0], Name: *name, Timeout: *timeout}
	password := ""
	if *passwordFile != "" {
		data, err := os.ReadFile(*passwordFile)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		password, _, _ = strings.Cut(strings.ReplaceAll(string(data), "\r", ""), "\n")
	}
	var err error
	if *ca != "" {
		if check.Roots, err = (keystore.Store{Location: *ca, Type: keystore.ByContent, Password: password}).Certificates(); err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
	}
	if *cert != "" {
		if check.Certificate, err = clientPair(*cert, password); err != nil {
			return fmt.Errorf("--cert: %w", err)
		}
	}
	report, err := check.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(e.Stdout, report)
	// What is wrong was printed; only the code is left to say it.
	if len(report.Problems) > 0 {
		return &Exit{Code: 1}
	}
	fmt.Fprintln(e.Stdout, "a client connects")
	return nil
}

// clientPair reads a certificate and its key from one file, or from NAME.pem and NAME.key.
func clientPair(path, password string) (*tls.Certificate, error) {
	// The two files that momus certs client writes. TrimSuffix leaves a path without .pem as it is,
	// so that no key is looked for beside a store.
	if key := strings.TrimSuffix(path, ".pem") + ".key"; key != path+".key" {
		if _, err := os.Stat(key); err == nil {
			pair, err := tls.LoadX509KeyPair(path, key)
			return &pair, err
		}
	}
	pair, err := keystore.Store{Location: path, Type: keystore.ByContent, Password: password}.KeyPair()
	return &pair, err
}
