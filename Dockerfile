# The image of momus: one static binary and BusyBox, from scratch. It takes the environment variables, the data directories, the scripts
# and the paths of wurstmeister/kafka, bitnami/kafka and confluentinc/cp-kafka (see docs/configuration.md).
#
#   docker build -t momus .
#   docker buildx build --platform linux/amd64,linux/arm64 -t momus .
#
# It needs BuildKit, which Docker builds with since version 23; before that: DOCKER_BUILDKIT=1 docker build -t momus .

FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=dev
ARG COMMIT=
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /out/momus ./cmd/momus
# Kafka's tools are links; their names are in a file, so that no program of this machine's kind has to be built for them.
RUN mkdir -p /out/links && for tool in $(cat cmd/momus/links.txt); do \
      ln -s momus /out/links/$tool; ln -s momus /out/links/$tool.sh; done

# A shell with the small tools that commands in users' compose files call. Links rather than copies: BusyBox is one program with many
# names. bash is the same shell, so what only bash knows does not work.
FROM busybox:1.36-musl AS shell
COPY cmd/momus/image /image
RUN sh /image/layout.sh /out

FROM scratch
COPY --from=shell /out/ /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/configs/examples/server.properties /opt/kafka/config/server.properties
COPY --from=build /out/momus /bin/momus
COPY --from=build /out/links/ /bin/
ARG VERSION=dev
ARG COMMIT=
LABEL org.opencontainers.image.title="momus" \
      org.opencontainers.image.description="a broker that takes the place of an Apache Kafka 2.5 broker" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
# The container starts as root, gives the data directories to this user and becomes it; user: in a compose file goes before that.
ENV PATH=/bin KAFKA_HOME=/opt/kafka MOMUS_RUN_AS=1000:0 MOMUS_READY_FILE=/tmp/momus-ready.json
EXPOSE 9092 9404
# Where the data lies depends on whose variables are used: /kafka, /bitnami/kafka or /var/lib/kafka/data.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/bin/momus", "healthcheck"]
# Any program may follow, and any command of momus.
ENTRYPOINT ["/bin/momus", "entrypoint"]
CMD ["broker"]
