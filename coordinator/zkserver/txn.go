package zkserver

import "fmt"

// change is one change of the tree, as checked and to be applied: what ZooKeeper calls CreateTxn,
// DeleteTxn and so on.
type change struct {
	op        opcode
	path      string
	data      []byte
	acl       []ACL
	ephemeral bool
	// version is the version that data or ACL get; of a creation, what the parent's cversion
	// becomes.
	version int32
}

// txn is a transaction: the unit of the log, with a zxid of its own. A request that fails is a
// transaction too, since it takes a zxid that clients then have seen.
type txn struct {
	zxid    int64
	timeMs  int64
	session int64
	op      opcode
	change           // op: create, create2, delete, setData, setACL, check
	parts   []change // opMulti
	code    Code     // opError
	timeout int32    // opCreateSession, ms
	secret  [16]byte // opCreateSession: the session's password
}

// append encodes x for the log.
func (x *txn) append(e *encoder) {
	e.int64(x.zxid)
	e.int64(x.timeMs)
	e.int64(x.session)
	e.int32(int32(x.op))
	switch x.op {
	case opMulti:
		e.int32(int32(len(x.parts)))
		for i := range x.parts {
			x.parts[i].append(e)
		}
	case opError:
		e.int32(int32(x.code))
	case opCreateSession:
		e.int32(x.timeout)
		e.b = append(e.b, x.secret[:]...)
	case opCloseSession:
	default:
		x.change.append(e)
	}
}

func (c *change) append(e *encoder) {
	e.int32(int32(c.op))
	e.string(c.path)
	e.bytes(c.data)
	e.acl(c.acl)
	e.bool(c.ephemeral)
	e.int32(c.version)
}

// decodeTxn reads one transaction of the log. What it returns aliases nothing of the input.
func decodeTxn(d *decoder) (*txn, error) {
	x := &txn{zxid: d.Int64(), timeMs: d.Int64(), session: d.Int64(), op: opcode(d.Int32())}
	switch x.op {
	case opMulti:
		n := d.Int32()
		for i := int32(0); i < n && d.Err == nil; i++ {
			c, err := decodeChange(d)
			if err != nil {
				return nil, err
			}
			x.parts = append(x.parts, c)
		}
	case opError:
		x.code = Code(d.Int32())
	case opCreateSession:
		x.timeout = d.Int32()
		copy(x.secret[:], d.Take(len(x.secret)))
	case opCloseSession:
	default:
		c, err := decodeChange(d)
		// Each part of the file is read by the kind that the transaction says.
		if err != nil {
			return nil, err
		}
		if c.op != x.op {
			return nil, fmt.Errorf("transaction %#x: change %d in a transaction of type %d: %w", x.zxid, c.op, x.op, errMarshalling)
		}
		x.change = c
	}
	return x, d.Err
}

// decodeChange reads a change of the log; its data are copied, since the log's buffer is used
// again.
func decodeChange(d *decoder) (change, error) {
	o := change{op: opcode(d.Int32())}
	var ok bool
	o.path, ok = d.string()
	if b := d.bytes(); b != nil {
		o.data = append([]byte{}, b...)
	}
	o.acl, _ = d.acl()
	o.ephemeral = d.bool()
	o.version = d.Int32()
	switch o.op {
	case opCreate, opCreate2, opDelete, opSetData, opSetACL, opCheck:
	default:
		ok = false
	}
	if d.Err == nil && !ok {
		d.Err = errMarshalling
	}
	return o, d.Err
}
