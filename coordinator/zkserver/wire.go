package zkserver

import (
	"bytes"
	"fmt"
)

// opcode is the type of a request (ZooDefs.OpCode).
type opcode int32

const (
	opCreate        opcode = 1
	opDelete        opcode = 2
	opExists        opcode = 3
	opGetData       opcode = 4
	opSetData       opcode = 5
	opGetACL        opcode = 6
	opSetACL        opcode = 7
	opGetChildren   opcode = 8
	opSync          opcode = 9
	opPing          opcode = 11
	opGetChildren2  opcode = 12
	opCheck         opcode = 13
	opMulti         opcode = 14
	opCreate2       opcode = 15 // 3.5
	opCheckWatches  opcode = 17 // 3.5
	opRemoveWatches opcode = 18 // 3.5
	opAuth          opcode = 100
	opSetWatches    opcode = 101
	opSasl          opcode = 102
	opCreateSession opcode = -10
	opCloseSession  opcode = -11
	opError         opcode = -1
)

// lastOp is the name that the four-letter words show for an operation.
func (o opcode) lastOp() string {
	switch o {
	case opCreate, opCreate2:
		return "CREA"
	case opDelete:
		return "DELE"
	case opExists:
		return "EXIS"
	case opGetData:
		return "GETD"
	case opSetData:
		return "SETD"
	case opGetACL:
		return "GETA"
	case opSetACL:
		return "SETA"
	case opGetChildren, opGetChildren2:
		return "GETC"
	case opSync:
		return "SYNC"
	case opPing:
		return "PING"
	case opCheck:
		return "CHEC"
	case opMulti:
		return "MULT"
	case opSetWatches:
		return "SETW"
	case opCreateSession:
		return "SESS"
	case opCloseSession:
		return "CLOS"
	}
	return "NA"
}

// Code is ZooKeeper's error code in an answer (KeeperException.Code).
type Code int32

const (
	codeOK                      Code = 0
	codeRuntimeInconsistency    Code = -2
	codeMarshallingError        Code = -5
	codeUnimplemented           Code = -6
	codeBadArguments            Code = -8
	codeNoNode                  Code = -101
	codeNoAuth                  Code = -102
	codeBadVersion              Code = -103
	codeNoChildrenForEphemerals Code = -108
	codeNodeExists              Code = -110
	codeNotEmpty                Code = -111
	codeInvalidACL              Code = -114
	codeAuthFailed              Code = -115
	codeNoWatcher               Code = -121 // 3.5
)

// Special transaction ids of replies that answer no numbered request.
const (
	xidNotification = -1
	xidPing         = -2
)

// Watch event types and the only state a connected server reports (Watcher.Event).
const (
	eventNodeCreated         = 1
	eventNodeDeleted         = 2
	eventNodeDataChanged     = 3
	eventNodeChildrenChanged = 4
	stateSyncConnected       = 3
)

// connectRequest is the first frame of a connection.
type connectRequest struct {
	lastZxidSeen int64
	timeoutMs    int32
	sessionID    int64
	password     []byte
	hasReadOnly  bool // clients before 3.4 do not send the flag, and do not get it
}

// decodeConnectRequest reads the first frame of a connection; clients before 3.4 have no read-only
// flag at its end.
func decodeConnectRequest(b []byte) (connectRequest, error) {
	d := decoderOf(b)
	var r connectRequest
	d.Int32() // protocol version
	r.lastZxidSeen = d.Int64()
	r.timeoutMs = d.Int32()
	r.sessionID = d.Int64()
	r.password = d.bytes()
	if d.Err != nil {
		return r, fmt.Errorf("connect request: %w", d.Err)
	}
	r.hasReadOnly = len(d.Rest) > 0
	return r, nil
}

// connectResponse is the answer; a zero timeout and session tell the client that its session has
// expired.
func connectResponse(r *connectRequest, timeoutMs int32, sessionID int64, password []byte) []byte {
	e := newFrame(40)
	e.int32(0)
	e.int32(timeoutMs)
	e.int64(sessionID)
	e.bytes(password)
	// The read-only flag of the answer: this server always writes.
	if r.hasReadOnly {
		e.bool(false)
	}
	return e.endFrame()
}

// operation is a decoded write: the request itself, or one part of a multi. It aliases
// nothing of the frame it came from.
type operation struct {
	op      opcode
	path    string
	data    []byte
	acl     []ACL
	flags   int32
	version int32
}

// decodeOperation decodes the body of a write. A null where ZooKeeper would stumble over it is
// malformed as well; a null path of the operations that validate their path first becomes the empty
// one, which is as invalid.
func decodeOperation(d *decoder, op opcode) (operation, error) {
	o := operation{op: op}
	var ok bool
	o.path, ok = d.string()
	switch op {
	case opCreate, opCreate2:
		o.data = bytes.Clone(d.bytes())
		var aclOK bool
		o.acl, aclOK = d.acl()
		o.flags = d.Int32()
		if !ok || !aclOK {
			return o, errMarshalling
		}
	case opDelete:
		o.version = d.Int32()
		if !ok {
			return o, errMarshalling
		}
	case opSetData:
		o.data = bytes.Clone(d.bytes())
		o.version = d.Int32()
	case opSetACL:
		var aclOK bool
		o.acl, aclOK = d.acl()
		o.version = d.Int32()
		if !aclOK {
			return o, errMarshalling
		}
	case opCheck:
		o.version = d.Int32()
	default:
		return o, errMarshalling
	}
	return o, d.Err
}

// decodeMulti decodes the parts of a multi: create, delete, setData and check. A create2 is a
// create there: 3.5 answers it without a stat.
func decodeMulti(d *decoder) ([]operation, error) {
	var ops []operation
	for {
		typ := opcode(d.Int32())
		done := d.bool()
		d.Int32() // error: unused in requests
		if d.Err != nil {
			return nil, d.Err
		}
		if done {
			return ops, nil
		}
		switch typ {
		case opCreate, opDelete, opSetData, opCheck:
		case opCreate2:
			typ = opCreate
		default:
			return nil, errMarshalling
		}
		o, err := decodeOperation(d, typ)
		if err != nil {
			return nil, err
		}
		ops = append(ops, o)
	}
}

// watchEvent encodes the notification that a watch has fired.
func watchEvent(event int32, path string) []byte {
	e := newFrame(28 + len(path))
	e.replyHeader(xidNotification, -1, codeOK)
	e.int32(event)
	e.int32(stateSyncConnected)
	e.string(path)
	return e.endFrame()
}
