// Package ecosystem runs programs that people use around Kafka against momus: frameworks, stream
// processors, connectors, mirrors, exporters and command lines. Its tests have the build tag
// ecosystem; make ecosystem fetches the programs and runs them. docs/compatibility.md lists them.
package ecosystem
