# SPDX-License-Identifier: GPL-3.0-or-later
# docker build --tag metaflow-b2bua .            (PJSIP from the Debian source package)
# docker build --build-arg PJPROJECT_TARBALL=pjproject.tar.gz ...   (from a release tarball in this folder)
FROM python:3.13-slim-trixie AS build
ARG PJPROJECT_TARBALL=
ENV B2BUA_CACHE=/build/cache PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY b2bua/native/apt-packages.txt b2bua/native/apt-packages.txt
RUN apt-get update -qq && \
    apt-get install -y -qq --no-install-recommends $(grep -v -e '^#' -e python3- b2bua/native/apt-packages.txt)
COPY . .
RUN python -m venv /opt/b2bua && /opt/b2bua/bin/pip install --quiet . && \
    wheel=$(PJPROJECT_TARBALL=$PJPROJECT_TARBALL /opt/b2bua/bin/python -m b2bua.native.build) && \
    /opt/b2bua/bin/pip install --quiet --no-deps "$wheel"

FROM python:3.13-slim-trixie
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
      libsrtp2-1 libgsm1 libspeex1 libspeexdsp1 libopus0 libssl3t64 libuuid1 libbcg729-0 libsndfile1 espeak-ng && \
    rm -rf /var/lib/apt/lists/* && useradd --system --create-home --home-dir /var/lib/b2bua b2bua
COPY --from=build /opt/b2bua /opt/b2bua
ENV PATH=/opt/b2bua/bin:$PATH
USER b2bua
WORKDIR /var/lib/b2bua
VOLUME /var/lib/b2bua
EXPOSE 5060/udp 5060/tcp 8000/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["b2bua", "health", "--config", "/etc/b2bua/config.yaml"]
ENTRYPOINT ["b2bua"]
CMD ["run", "--config", "/etc/b2bua/config.yaml"]
