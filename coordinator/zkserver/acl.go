package zkserver

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// Permissions of an ACL entry (ZooDefs.Perms).
const (
	permRead   = 1
	permWrite  = 2
	permCreate = 4
	permDelete = 8
	permAdmin  = 16
	permAll    = 31
)

// ID names somebody in a scheme: world, ip, digest, sasl, x509, super or (only in a request) auth.
type ID struct{ Scheme, ID string }

// ACL grants Perms to an ID.
type ACL struct {
	Perms int32
	ID    ID
}

// IDs that stand for everybody, and for one whom no ACL stops; read only.
var (
	anyone    = ID{"world", "anyone"}
	superUser = ID{"super", ""}
)

// schemes are those that a server has beyond world, ip and digest: sasl when it has users, x509
// when it takes certificates for logins.
type schemes struct{ sasl, x509 bool }

// authenticated reports whether an ID of a client says who it is; an address does not.
func (s schemes) authenticated(scheme string) bool {
	return scheme == "digest" || scheme == "sasl" && s.sasl || scheme == "x509" && s.x509
}

// openACL is what nodes have that nobody created. Its callers do not change it.
func openACL() []ACL { return []ACL{{permAll, anyone}} }

// allowed says whether one of ids holds one of perms in acl. An empty ACL allows everything.
func allowed(acl []ACL, perms int32, ids []ID) bool {
	// ZooKeeper skips the check of nodes with an empty list, which its own have.
	if len(acl) == 0 || slices.Contains(ids, superUser) {
		return true
	}
	for _, a := range acl {
		if a.Perms&perms == 0 {
			continue
		}
		if a.ID == anyone {
			return true
		}
		for _, id := range ids {
			if id.Scheme == a.ID.Scheme && idMatches(id, a.ID.ID) {
				return true
			}
		}
	}
	return false
}

func idMatches(id ID, expr string) bool {
	switch id.Scheme {
	case "digest", "sasl", "x509":
		return id.ID == expr
	case "ip":
		return ipMatches(id.ID, expr)
	}
	return false
}

// maxACL bounds the entries of one ACL and the IDs of one connection. ZooKeeper has no bound but
// jute.maxbuffer, and so could be made to multiply the one by the other.
const maxACL = 1000

// fixupACL validates the ACL of a request and replaces the scheme auth by who the client has
// authenticated as.
func (s schemes) fixupACL(acl []ACL, ids []ID) ([]ACL, bool) {
	if len(acl) > maxACL {
		return nil, false
	}
	var fixed, added []ACL
	for i, a := range acl {
		// PrepRequestProcessor.fixupACL removes what is there twice.
		if slices.Contains(acl[:i], a) {
			continue
		}
		switch {
		case a.ID == anyone:
		case a.ID.Scheme == "auth":
			valid := false
			for _, id := range ids {
				if s.authenticated(id.Scheme) {
					valid = true
					// Behind the others, as there: getAcl shows them in this order.
					added = append(added, ACL{a.Perms, id})
				}
			}
			if !valid {
				return nil, false
			}
			continue
		case a.ID.Scheme == "digest":
			if !validDigest(a.ID.ID) {
				return nil, false
			}
		case a.ID.Scheme == "sasl" && s.sasl:
			if !validKerberosName(a.ID.ID) {
				return nil, false
			}
		case a.ID.Scheme == "x509" && s.x509:
			if !strings.Contains(a.ID.ID, "=") { // no distinguished name
				return nil, false
			}
		case a.ID.Scheme == "ip":
			if _, ok := parseIPv4(a.ID.ID); !ok {
				return nil, false
			}
		default:
			return nil, false
		}
		fixed = append(fixed, a)
	}
	fixed = append(fixed, added...)
	return fixed, len(fixed) > 0 && len(fixed) <= maxACL
}

// digestID is the ID of "user:password": the user and base64(sha1("user:password")).
func digestID(auth []byte) ID {
	// The password may have colons; a credential without one is a user with an empty hash of it.
	user, _, _ := strings.Cut(string(auth), ":")
	sum := sha1.Sum(auth)
	return ID{"digest", user + ":" + base64.StdEncoding.EncodeToString(sum[:])}
}

// validDigest is Java's id.split(":").length == 2, which does not count empty parts at the end.
func validDigest(id string) bool {
	return strings.Count(strings.TrimRight(id, ":"), ":") == 1
}

// validKerberosName is what ZooKeeper takes for a name of scheme sasl: name[/host]@realm, or
// anything without an @.
func validKerberosName(id string) bool {
	if !strings.Contains(id, "@") {
		return true
	}
	name, realm, _ := strings.Cut(id, "@")
	return strings.Count(name, "/") <= 1 && !strings.ContainsAny(realm, "@/")
}

// maskDigests hides the passwords of an ACL from a client that may not administer the node.
func maskDigests(acl []ACL) []ACL {
	masked := slices.Clone(acl)
	for i, a := range masked {
		if a.ID.Scheme != "digest" {
			continue
		}
		if user, _, found := strings.Cut(a.ID.ID, ":"); found {
			masked[i].ID.ID = user + ":x"
		}
	}
	return masked
}

// parseIPv4 takes what ZooKeeper 3.4's ip scheme takes: four decimal parts. IPv6 is not known to
// it.
func parseIPv4(s string) (a [4]byte, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return a, false
	}
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 || v > 255 {
			return a, false
		}
		a[i] = byte(v)
	}
	return a, true
}

// ipMatches reports whether an address falls under an id of the scheme ip: an IPv4 address, with
// the bits that count behind a slash.
func ipMatches(id, expr string) bool {
	network, length, masked := strings.Cut(expr, "/")
	want, ok := parseIPv4(network)
	if !ok {
		return false
	}
	bits := 32
	if masked {
		var err error
		if bits, err = strconv.Atoi(length); err != nil || bits < 0 || bits > 32 {
			return false
		}
	}
	have, ok := parseIPv4(id)
	if !ok {
		return false
	}
	for i := range want {
		// The bits of this byte that count: none behind the network's length.
		keep := min(max(bits-8*i, 0), 8)
		mask := byte(0xff << (8 - keep))
		if want[i]&mask != have[i]&mask {
			return false
		}
	}
	return true
}
