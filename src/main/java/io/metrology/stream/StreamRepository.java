package io.metrology.stream;

import java.util.Optional;
import java.util.UUID;

import org.springframework.data.repository.Repository;

/** Streams, tombstones included. */
interface StreamRepository extends Repository<Stream, UUID> {

	Optional<Stream> findById(UUID dataId);

}
