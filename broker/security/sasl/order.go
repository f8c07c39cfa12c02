package sasl

import "unicode/utf16"

// hashOrder gives names in the order in which a java.util.HashSet that was made of them in the
// given order lists them: clients see the enabled mechanisms like that, and SCRAM's extensions are
// put together like that.
func hashOrder(names []string) []string {
	size := 16
	for float64(size)*0.75 < float64(len(names)) {
		size *= 2
	}
	buckets := make([][]string, size)
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		if seen[n] {
			continue
		}
		seen[n] = true
		h := javaHash(n)
		i := int((h ^ h>>16) & uint32(size-1))
		buckets[i] = append(buckets[i], n)
	}
	out := make([]string, 0, len(names))
	for _, b := range buckets {
		out = append(out, b...)
	}
	return out
}

// javaHash is String.hashCode.
func javaHash(s string) (h uint32) {
	for _, u := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(u)
	}
	return h
}
