# The daemon in an image without a shell. It mounts with mount(2), so it needs root in a container that may (CAP_SYS_ADMIN, /dev/fuse),
# and no fusermount3.
#
#   docker build -t registry.example/modelfs:0.1.0 .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
WORKDIR /source
COPY Directory.Build.props Directory.Packages.props ./
COPY src/ src/
RUN dotnet publish src/ModelFs -c Release --arch ${TARGETARCH:-amd64} --self-contained -o /out

FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled
COPY --from=build /out/ /opt/modelfs/
# Chiseled images run as a user who may not mount.
USER 0
# Nothing is written but to the cache and the mount's parent: the root filesystem may be read-only. Without a diagnostics socket
# not even /tmp is needed.
ENV DOTNET_EnableDiagnostics=0
EXPOSE 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/modelfs/modelfs"]
CMD ["mount", "/var/lib/modelfs/mnt", "--links", "true", "--metrics", "0.0.0.0:9464"]
