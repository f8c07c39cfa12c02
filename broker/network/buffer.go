package network

import (
	"math/bits"
	"sync"
)

// Buffers come in size classes of 512 bytes times a power of two, and half-way between: 512, 768,
// 1024, 1536 … maxPooled. Larger ones are made for one use.
const (
	minPooled  = 512
	maxPooled  = 4 << 20
	numClasses = 27
)

// buffer is one pooled piece of memory. It has one owner at any time, who puts it back.
type buffer struct {
	b       []byte // whole storage
	charged int64  // bytes accounted in a budget of the server
	// stranger tells that it is the budget of connections that are not authenticated.
	stranger bool
}

// bufferPool hands out buffers by size class.
type bufferPool struct {
	classes [numClasses]sync.Pool
}

// classFor is the smallest class of at least n bytes.
func classFor(n int) int {
	if n <= minPooled {
		return 0
	}
	top := bits.Len(uint(n-1)) - 1 // 2^top < n <= 2^(top+1)
	class := 2 * (top - 9)
	if n <= 1<<top+1<<(top-1) {
		return class + 1
	}
	return class + 2
}

// classSize is the size of the buffers of a class.
func classSize(class int) int {
	n := minPooled << (class / 2)
	if class%2 == 1 {
		n += n / 2
	}
	return n
}

// get returns a buffer of at least n bytes; its content is arbitrary.
func (p *bufferPool) get(n int) *buffer {
	class := classFor(n)
	if class >= numClasses {
		return &buffer{b: make([]byte, n)}
	}
	if v := p.classes[class].Get(); v != nil {
		return v.(*buffer)
	}
	return &buffer{b: make([]byte, classSize(class))}
}

// put takes a buffer back; nobody may use it any more. A buffer that has grown goes to the class
// below its size.
func (p *bufferPool) put(b *buffer) {
	n := cap(b.b)
	b.b = b.b[:n]
	class := classFor(n)
	if class < numClasses && classSize(class) > n {
		// Into a class whose buffers are not larger than this one: who gets it must find all the
		// bytes of the class.
		class--
	}
	if class < 0 || class >= numClasses {
		return
	}
	mangle(b.b)
	p.classes[class].Put(b)
}
