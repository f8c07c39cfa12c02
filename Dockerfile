# The image of momus: one static binary as a non-root user, from scratch. It takes the environment variables and the data
# directories of wurstmeister/kafka, bitnami/kafka and confluentinc/cp-kafka (see docs/configuration.md).
#
#   docker build -t momus .
#   docker buildx build --platform linux/amd64,linux/arm64 -t momus .

FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=dev
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/momus ./cmd/momus
# Kafka's tools are links. The program that lists them runs here, whatever the image is for.
RUN mkdir -p /out/links && for tool in $(go run ./cmd/momus help --tools); do \
      ln -s momus /out/links/$tool; ln -s momus /out/links/$tool.sh; done

# A shell with the small tools that HOSTNAME_COMMAND, PORT_COMMAND, BROKER_ID_COMMAND and RACK_COMMAND of users' compose files call.
# Links rather than copies: BusyBox is one program with many names.
FROM busybox:1.36-musl AS shell
RUN mkdir -p /out/bin && cp /bin/busybox /out/bin/busybox && \
    for tool in sh hostname ip ifconfig route nslookup awk sed grep cut head tail tr wc cat echo expr printf env wget nc sleep date; do \
      ln -s busybox /out/bin/$tool; done
RUN echo 'momus:x:1000:0:momus:/:/bin/sh' > /out/passwd && echo 'root:x:0:' > /out/group && \
    mkdir -p /out/data/kafka /out/data/bitnami/kafka/data /out/data/var/lib/kafka/data /out/data/data /out/data/tmp && \
    chmod -R g=u /out/data && chmod 1777 /out/data/tmp

FROM scratch
COPY --from=shell /out/bin /bin
COPY --from=shell /out/passwd /etc/passwd
COPY --from=shell /out/group /etc/group
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The data directories of the three images and of quickstart, writable for any user of group 0, as OpenShift wants it.
COPY --from=shell --chown=1000:0 /out/data/ /
COPY --from=build /out/momus /bin/momus
COPY --from=build /out/links/ /bin/
ENV PATH=/bin
USER 1000:0
EXPOSE 9092 9404
# Where the data lies depends on whose variables are used: /kafka, /bitnami/kafka or /var/lib/kafka/data.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/bin/momus", "healthcheck"]
ENTRYPOINT ["/bin/momus"]
CMD ["broker"]
