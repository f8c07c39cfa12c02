package java

import (
	"math"
	"strconv"
	"strings"
)

// Double is Double.toString or Float.toString.
func Double(v float64, bits int) string {
	abs := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return strings.Replace(strconv.FormatFloat(v, 'f', -1, bits), "Inf", "Infinity", 1)
	case abs != 0 && (abs < 1e-3 || abs >= 1e7):
		s := strconv.FormatFloat(v, 'E', -1, bits)
		mantissa, exponent, _ := strings.Cut(s, "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(v, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Random is java.util.Random.
type Random struct{ seed uint64 }

// NewRandom begins the sequence of a seed.
func NewRandom(seed uint64) *Random { return &Random{(seed ^ 0x5DEECE66D) & (1<<48 - 1)} }

// next gives the upper bits of the next state: the constants are those that java.util.Random
// documents.
func (r *Random) next() int32 {
	r.seed = (r.seed*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(r.seed >> 17)
}

// NextInt is the next number below bound, which has to be positive.
func (r *Random) NextInt(bound int32) int32 {
	if bound&-bound == bound {
		return int32(int64(bound) * int64(r.next()) >> 31)
	}
	for {
		bits := r.next()
		if v := bits % bound; bits-v+(bound-1) >= 0 {
			return v
		}
	}
}
