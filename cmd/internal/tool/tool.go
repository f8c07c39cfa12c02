// Package tool lists Kafka 2.5's command-line tools: the same names, options, output and exit
// codes, as recorded from the released tools. A tool is a package below this one that gives a
// core.Tool, and it is in the list of Tools; nothing else knows it. Tools do not import each other:
// what two of them need is in core, options, screen, java or clients.
//
// A tool writes exactly Kafka's bytes to standard output; where Kafka prints a stack trace it
// prints the message alone.
package tool

import (
	"momus/cmd/internal/tool/acls"
	"momus/cmd/internal/tool/apiversions"
	"momus/cmd/internal/tool/configs"
	"momus/cmd/internal/tool/consoleconsumer"
	"momus/cmd/internal/tool/consoleproducer"
	"momus/cmd/internal/tool/consumergroups"
	"momus/cmd/internal/tool/consumerperf"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/delegationtokens"
	"momus/cmd/internal/tool/deleterecords"
	"momus/cmd/internal/tool/dumplog"
	"momus/cmd/internal/tool/elections"
	"momus/cmd/internal/tool/getoffsets"
	"momus/cmd/internal/tool/logdirs"
	"momus/cmd/internal/tool/mirrormaker"
	"momus/cmd/internal/tool/producerperf"
	"momus/cmd/internal/tool/reassign"
	"momus/cmd/internal/tool/replicaverification"
	"momus/cmd/internal/tool/securitymigration"
	"momus/cmd/internal/tool/serverstop"
	"momus/cmd/internal/tool/streamsreset"
	"momus/cmd/internal/tool/topics"
	"momus/cmd/internal/tool/verifiableconsumer"
	"momus/cmd/internal/tool/verifiableproducer"
	"momus/cmd/internal/tool/zookeepershell"
)

// Tools lists the tools in the order in which help shows them.
func Tools() []core.Tool {
	return []core.Tool{
		topics.Tool(),
		consoleproducer.Tool(),
		consoleconsumer.Tool(),
		consumergroups.Tool(),
		configs.Tool(),
		acls.Tool(),
		reassign.Tool(),
		elections.Leader(),
		elections.Preferred(),
		deleterecords.Tool(),
		logdirs.Tool(),
		dumplog.Tool(),
		apiversions.Tool(),
		producerperf.Tool(),
		consumerperf.Tool(),
		verifiableproducer.Tool(),
		verifiableconsumer.Tool(),
		replicaverification.Tool(),
		delegationtokens.Tool(),
		streamsreset.Tool(),
		mirrormaker.Tool(),
		zookeepershell.Tool(),
		securitymigration.Tool(),
		serverstop.Kafka(),
		serverstop.ZooKeeper(),
		getoffsets.Tool(),
		registerRunClass(),
	}
}
