FROM eclipse-temurin:25-jdk AS build
WORKDIR /source
# What is downloaded stays in a layer of its own, for as long as the pom does not change.
COPY mvnw pom.xml ./
COPY .mvn .mvn
RUN ./mvnw --batch-mode --no-transfer-progress dependency:go-offline
COPY src src
# Without the embedded server's binaries: beside a container with PostgreSQL they would be 100 MB for nothing.
RUN ./mvnw --batch-mode --no-transfer-progress -Dmaven.test.skip=true \
        -Dspring-boot.excludeGroupIds=io.zonky.test.postgres package \
    && java -Djarmode=tools -jar target/metrology-ingest.jar extract --layers --destination /layers

FROM eclipse-temurin:25-jre AS service
RUN groupadd --gid 10001 metrology \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin metrology
WORKDIR /opt/metrology
COPY --from=build /layers/dependencies/ ./
COPY --from=build /layers/snapshot-dependencies/ ./
COPY --from=build /layers/application/ ./

# The service starts once on a real database, and the JVM notes down the classes that it loaded and linked.
# Both folders keep their path and times: the JVM ignores a cache that was made from other files. The size of
# the heap decides how the JVM writes pointers; this one is as in a container, not as on a large build machine.
# No machine code goes into the cache (AOTAdapterCaching), which another processor could not use.
FROM postgres:18 AS training
ENV POSTGRES_DB=metrology POSTGRES_HOST_AUTH_METHOD=trust
COPY --from=service /opt/java /opt/java
COPY --from=service /opt/metrology /opt/metrology
WORKDIR /opt/metrology
RUN docker-entrypoint.sh postgres >/dev/null 2>&1 & \
    SPRING_DATASOURCE_URL="jdbc:postgresql://127.0.0.1/metrology?user=postgres" \
    /opt/java/openjdk/bin/java -Xmx1g -XX:+UseG1GC -XX:AOTCacheOutput=metrology.aot -Xlog:aot*=error \
        -XX:+UnlockDiagnosticVMOptions -XX:-AOTAdapterCaching -XX:-AOTStubCaching \
        -Dspring.context.exit=onRefresh -jar metrology-ingest.jar

FROM service
COPY --from=training /opt/metrology/metrology.aot ./
COPY container/health /usr/local/bin/health
# Inside a container loopback would reach nobody; what is published is the operator's choice.
ENV SERVER_ADDRESS=0.0.0.0
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=10s --start-period=120s --retries=3 CMD ["health"]
# java itself is process 1 and gets the signal, upon which the service answers the requests in flight.
STOPSIGNAL SIGTERM
# After an OutOfMemoryError nothing is certain any more: end, and be restarted.
# A JVM that cannot use the cache (a heap beyond 32 GB, ZGC) does without, and need not log it. One whose heap
# begins too small for the cache's objects would end, though (ran: 512 MB of memory, 8 MB of heap): hence -Xms.
# Further flags by JDK_JAVA_OPTIONS; an -Xmx there wins over the percentage.
ENTRYPOINT ["java", "-XX:AOTCache=metrology.aot", "-Xlog:aot*=off", "-Xms64m", "-XX:MaxRAMPercentage=60", \
    "-XX:+ExitOnOutOfMemoryError", "-jar", "metrology-ingest.jar"]
