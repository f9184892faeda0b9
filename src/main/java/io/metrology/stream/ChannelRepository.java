package io.metrology.stream;

import java.util.Optional;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

import org.springframework.data.jpa.repository.Modifying;
import org.springframework.data.jpa.repository.Query;
import org.springframework.data.repository.Repository;

/** The channels of streams. */
interface ChannelRepository extends Repository<Channel, Channel.Key> {

	Optional<Channel> findById(Channel.Key key);

	/**
	 * Returns how many channels were changed: one, or none where there is no such
	 * channel.
	 */
	@Modifying(clearAutomatically = true)
	@Query("update Channel c set c.units = :units, c.revision = c.revision + 1, c.unitsBy = :unitsBy where c.key = :key")
	int correctUnits(Channel.Key key, @Nullable String units, @Nullable UUID unitsBy);

}
