package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/record"
)

const (
	securityWindow = 5 * time.Second
	securityWarmUp = 15 * time.Second // for a JVM to compile
	loginClients   = 8
	loginUser      = "alice"
	loginPassword  = "alice-secret"
	aclWindow      = time.Second
	aclPairs       = 10 // of windows in a round
	manyACLs       = 10_000
	aclTopic       = "acls"
)

// measureTLS produces and consumes as the standard table does, over TLS. Both sides have the same
// certificate and choose what they choose, which is TLS 1.2 with AES-GCM.
func measureTLS(l *lab, t *table, rounds int) error {
	stores, err := l.stores()
	if err != nil {
		return err
	}
	load := func(c *cluster, round int, window time.Duration, note func(name, unit string, v float64)) error {
		topic := fmt.Sprintf("tls-%d", round)
		// Made once: five requests are in flight with the same bytes.
		request := produceRequest(topic, batch(false))
		drop, err := c.topic(topic)
		if err != nil {
			return err
		}
		defer drop()
		var n int
		produced := c.measure(func() error {
			n, err = inParallel(connections, func() result {
				conn, err := c.dialTLS()
				if err != nil {
					return result{err: err}
				}
				defer conn.Close()
				return produceOver(conn, request, time.Now().Add(window))
			})
			return err
		})
		// Payload only: the bytes of the values, without keys, headers of batches, or TLS.
		gb := float64(n) * partitions * recordsPerBatch * valueBytes / 1e9
		note("TLS: produce, 1 KB, 16 connections", "MB/s", gb*1000/produced.seconds)
		note("  broker CPU (TLS produce)", "s/GB", produced.cpu/gb)
		var read int64
		consumed := c.measure(func() error {
			conn, err := c.dialTLS()
			if err != nil {
				return err
			}
			defer conn.Close()
			read, err = consumeOver(conn, topic, time.Now().Add(window))
			return err
		})
		gb = float64(read) / 1e9
		note("TLS: consume, 1 KB, 1 consumer", "MB/s", gb*1000/consumed.seconds)
		note("  broker CPU (TLS consume)", "s/GB", consumed.cpu/gb)
		return errors.Join(produced.err, consumed.err)
	}
	lines := append(stores, "listeners=PLAINTEXT://127.0.0.1:{port},SSL://127.0.0.1:{second}")
	return inTurn(l, rounds, 1, lines,
		func(c *cluster) error { return load(c, -1, securityWarmUp, func(string, string, float64) {}) },
		func(c *cluster, round int) error {
			return load(c, round, securityWindow, func(name, unit string, v float64) { t.note(c.name, name, unit, v) })
		})
}

// measureLogins connects and logs in with SCRAM-SHA-256, over and over. The clients have hashed the
// password before.
func measureLogins(l *lab, t *table, rounds int) error {
	stores, err := l.stores()
	if err != nil {
		return err
	}
	for _, protocol := range []string{"SASL_PLAINTEXT", "SASL_SSL"} {
		// second is the port of the listener with logins, beside the plain one.
		dial := func(c *cluster) (net.Conn, error) { return net.Dial("tcp", c.second[0]) }
		if protocol == "SASL_SSL" {
			// A method expression has the receiver as its first argument.
			dial = (*cluster).dialTLS
		}
		load := func(c *cluster, window time.Duration) (logins float64, u usage) {
			u = c.measure(func() error {
				n, err := inParallel(loginClients, func() (r result) {
					var p prover
					// A new connection for each login: that is what a login costs.
					for end := time.Now().Add(window); r.err == nil && time.Now().Before(end); r.answers++ {
						r.err = p.logIn(func() (net.Conn, error) { return dial(c) })
					}
					return r
				})
				logins = float64(n)
				return err
			})
			return logins, u
		}
		lines := append(stores, "listeners=PLAINTEXT://127.0.0.1:{port},"+protocol+"://127.0.0.1:{second}", "sasl.enabled.mechanisms=SCRAM-SHA-256",
			"listener.name."+strings.ToLower(protocol)+".scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;")
		err := inTurn(l, rounds, 1, lines,
			func(c *cluster) error {
				// Through ZooKeeper, as before KIP-554: the broker learns of it by a notification.
				err := l.addUser(c)
				for deadline := time.Now().Add(10 * time.Second); err == nil; time.Sleep(50 * time.Millisecond) {
					var p prover
					last := p.logIn(func() (net.Conn, error) { return dial(c) })
					if last == nil { // the broker knows the user
						break
					}
					if time.Now().After(deadline) {
						err = last
					}
				}
				if err != nil {
					return err
				}
				_, u := load(c, securityWarmUp)
				return u.err
			},
			func(c *cluster, _ int) error {
				n, u := load(c, securityWindow)
				t.note(c.name, protocol+": SCRAM-SHA-256 logins", "/s", n/u.seconds)
				t.note(c.name, "  broker CPU per 1,000 logins ("+protocol+")", "s", u.cpu*1000/n)
				return u.err
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// measureACLs produces small batches to a broker with AclAuthorizer and 10,000 ACLs, and to one
// without an authorizer. Windows are short and alternate, the second of a pair first in the next
// one, so that what else the machine does meets both alike.
func measureACLs(l *lab, t *table, rounds int) error {
	// One record of 100 bytes: the less a request carries, the more its authorization weighs.
	b := record.NewBuilder(record.DefaultOptions())
	b.Append(time.Now().UnixMilli(), nil, make([]byte, 100))
	request := produceRequest(aclTopic, b.Bytes())
	load := func(c *cluster, window time.Duration) (n int, u usage) {
		u = c.measure(func() (err error) {
			n, err = inParallel(connections, func() result { return produceLoop(c.addrs[0], request, time.Now().Add(window)) })
			return err
		})
		return n, u
	}
	for _, k := range l.kinds {
		pair := *l
		open, guarded := k, k
		open.name += ", no authorizer"
		guarded.name += ", 10,000 ACLs"
		// The capacity is cut off, so that append makes an array of its own.
		guarded.lines = append(guarded.lines[:len(guarded.lines):len(guarded.lines)], "authorizer.class.name=kafka.security.authorizer.AclAuthorizer",
			"allow.everyone.if.no.acl.found=true")
		pair.kinds = []kind{open, guarded}
		warm := func(c *cluster) error {
			if _, err := c.topic(aclTopic); err != nil {
				return err
			}
			if c.name == guarded.name {
				if err := c.addACLs(); err != nil {
					return err
				}
			}
			_, u := load(c, securityWarmUp)
			return u.err
		}
		err := sideBySide(&pair, 1, nil, warm, func(clusters []*cluster) error {
			for r := range rounds {
				fmt.Printf("round %d of %d: %s\n", r+1, rounds, k.name)
				// By cluster: requests, and what they took.
				var sent [2]float64
				var took [2]usage
				for i := range 2 * aclPairs {
					side := (i + 1) / 2 % 2 // 0 1 1 0 0 1 1 …
					c := clusters[side]
					n, u := load(c, aclWindow)
					if err := errors.Join(u.err, c.ended()); err != nil {
						return fmt.Errorf("%s: %w", c.name, err)
					}
					sent[side] += float64(n)
					took[side].seconds += u.seconds
					took[side].cpu += u.cpu
				}
				cpu := func(side int) float64 { return took[side].cpu * 1000 / sent[side] }
				t.note(k.name, "small produce requests, no authorizer", "/s", sent[0]/took[0].seconds)
				t.note(k.name, "  broker CPU per 1,000 (no authorizer)", "s", cpu(0))
				t.note(k.name, "small produce requests, 10,000 ACLs", "/s", sent[1]/took[1].seconds)
				t.note(k.name, "  broker CPU per 1,000 (10,000 ACLs)", "s", cpu(1))
				// Of processor time: the throughput of a busy machine says less.
				added := 100 * (cpu(1)/cpu(0) - 1)
				fmt.Printf("ACLs add %.1f %%\n", added)
				t.note(k.name, "  what ACLs add to it", "%", added)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// usage is what a load took.
type usage struct {
	seconds, cpu float64
	err          error
}

// measure runs a load and takes the time, and the CPU time of the brokers.
func (c *cluster) measure(load func() error) (u usage) {
	began, cpu := time.Now(), c.cpu()
	u.err = load()
	u.seconds, u.cpu = time.Since(began).Seconds(), c.cpu()-cpu
	return u
}

// inParallel runs the same n times at once and adds up what was answered.
func inParallel(n int, run func() result) (answers int, err error) {
	// Room for all, so that none waits when another has failed.
	results := make(chan result, n)
	for range n {
		go func() { results <- run() }()
	}
	for range n {
		r := <-results
		answers += r.answers
		err = errors.Join(err, r.err)
	}
	return answers, err
}

// topic creates a topic and returns what deletes it.
func (c *cluster) topic(name string) (drop func(), err error) {
	return func() { _ = c.drop(name) }, c.createTopic(name, partitions) // a topic that stays harms nobody
}

// dialTLS connects to the second listener of the broker.
func (c *cluster) dialTLS() (net.Conn, error) {
	return tls.Dial("tcp", c.second[0], &tls.Config{InsecureSkipVerify: true}) // the other end is not in doubt
}

// momus is the command of the binary.
func (l *lab) momus(args ...string) error {
	out, err := exec.Command(l.kinds[0].broker[0], args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("momus %s: %w: %s", args[0], err, out)
	}
	return nil
}

// stores makes the certificate of all brokers and returns the settings that name it.
func (l *lab) stores() ([]string, error) {
	dir := filepath.Join(l.dir, "certs")
	for _, args := range [][]string{{"certs", "ca", "--dir", dir, "--force"}, {"certs", "broker", "127.0.0.1", "--dir", dir, "--name", "broker", "--force"}} {
		if err := l.momus(args...); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "broker.properties"))
	return strings.Split(string(text), "\n"), err
}

// addUser gives the user a password.
func (l *lab) addUser(c *cluster) error {
	return l.momus("configs", "--zookeeper", c.connect, "--alter", "--entity-type", "users", "--entity-name", loginUser,
		"--add-config", "SCRAM-SHA-256=[iterations=4096,password="+loginPassword+"]")
}

// addACLs makes 10,000 ACLs of which many are for the topic or a prefix of it: of others, or of
// other operations, but for one that allows ANONYMOUS, who is the client, to write.
func (c *cluster) addACLs() error {
	conn, err := dial(c.addrs[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	// The numbers of the protocol: resource type 2 is TOPIC, patterns 3 LITERAL and 4 PREFIXED,
	// operations 3 READ and 4 WRITE, permission 3 ALLOW.
	const literal, prefixed, topic, read, write, allow = 3, 4, 2, 3, 4, 3
	var all []kmsg.CreateACLsRequestCreation
	add := func(name string, pattern kmsg.ACLResourcePatternType, user string, op kmsg.ACLOperation) {
		all = append(all, kmsg.CreateACLsRequestCreation{ResourceType: topic, ResourceName: name, ResourcePatternType: pattern, Principal: "User:" + user, Host: "*",
			Operation: op, PermissionType: allow})
	}
	add(aclTopic, literal, "ANONYMOUS", write)
	for i := 1; i < manyACLs; i++ {
		switch user := fmt.Sprintf("user-%d", i); i % 5 {
		case 0:
			add(aclTopic, literal, user, write)
		case 1:
			// Every length of prefix of the topic's name, so that the search for matching prefixes
			// has something to find.
			add(aclTopic[:1+i/5%len(aclTopic)], prefixed, user, read)
		case 2:
			add(fmt.Sprintf("prefix-%d-", i), prefixed, user, read)
		default:
			add(fmt.Sprintf("topic-%d", i), literal, user, read)
		}
	}
	for chunk := range slices.Chunk(all, 1000) {
		req, resp := kmsg.NewPtrCreateACLsRequest(), kmsg.NewPtrCreateACLsResponse()
		req.SetVersion(1)
		req.Creations = chunk
		if err := conn.call(req, resp); err != nil {
			return fmt.Errorf("create ACLs: %w", err)
		}
		for _, r := range resp.Results {
			if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
				return fmt.Errorf("create an ACL: %w", err)
			}
		}
	}
	return nil
}

// prover logs in with SCRAM-SHA-256 and keeps the hashed password for the next time.
type prover struct {
	salt   string
	salted []byte
}

// logIn connects, logs in and closes the connection.
func (p *prover) logIn(dialed func() (net.Conn, error)) error {
	nc, err := dialed()
	if err != nil {
		return err
	}
	defer nc.Close()
	c := &conn{nc, bufio.NewReader(nc)}
	shake, shaken := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLHandshakeResponse()
	shake.SetVersion(1)
	shake.Mechanism = "SCRAM-SHA-256"
	if err := errors.Join(c.call(shake, shaken), kerr.ErrorForCode(shaken.ErrorCode)); err != nil {
		return err
	}
	say := func(text string) (map[byte]string, error) {
		req, resp := kmsg.NewPtrSASLAuthenticateRequest(), kmsg.NewPtrSASLAuthenticateResponse()
		req.SetVersion(1)
		req.SASLAuthBytes = []byte(text)
		if err := errors.Join(c.call(req, resp), kerr.ErrorForCode(resp.ErrorCode)); err != nil {
			return nil, err
		}
		fields := map[byte]string{}
		for f := range strings.SplitSeq(string(resp.SASLAuthBytes), ",") {
			if len(f) > 2 {
				fields[f[0]] = f[2:]
			}
		}
		return fields, nil
	}
	first := "n=" + loginUser + ",r=" + rand.Text()
	server, err := say("n,," + first)
	if err != nil {
		return err
	}
	// PBKDF2 is most of a login's work for the client, and none of the broker's: it keeps the
	// stored key.
	if server['s'] != p.salt {
		salt, err := base64.StdEncoding.DecodeString(server['s'])
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(server['i'])
		if err != nil {
			return err
		}
		if p.salted, err = pbkdf2.Key(sha256.New, loginPassword, salt, n, sha256.Size); err != nil {
			return err
		}
		p.salt = server['s']
	}
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	key := mac(p.salted, "Client Key")
	stored := sha256.Sum256(key)
	// biws is "n,," in base64: no channel binding (RFC 5802).
	final := "c=biws,r=" + server['r']
	// ClientProof is ClientKey XOR HMAC(StoredKey, AuthMessage).
	proof := mac(stored[:], first+",r="+server['r']+",s="+server['s']+",i="+server['i']+","+final)
	subtle.XORBytes(proof, proof, key)
	_, err = say(final + ",p=" + base64.StdEncoding.EncodeToString(proof))
	return err
}
