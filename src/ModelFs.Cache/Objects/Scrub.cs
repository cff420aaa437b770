using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Objects;

/// <summary>Reads objects from the disk again for somebody who asked, each complete one against its digest too, and tells how that goes.</summary>
internal sealed class Scrub(BlockCache cache, IReadOnlyList<StoredObject> objects, Action<ScrubReport> report, CancellationToken cancellation)
{
    private const long ReportEvery = 64 << 20;

    private readonly long total = objects.Sum(o => o.Bytes);
    private int files;
    private long done;
    private long reported;

    public void Run()
    {
        var scrub = new ObjectScrub(cache, Advance, cancellation);
        foreach (var item in objects)
        {
            long before = done;
            reported = before;
            var (damaged, fault) = scrub.Verify(item.Key, withDigest: true);
            done = before + item.Bytes;
            files++;
            report(new ScrubReport(files, objects.Count, done, total, item.Path, damaged, fault));
        }
    }

    private void Advance(int blocks)
    {
        if (done - reported >= ReportEvery)
        {
            reported = done;
            report(new ScrubReport(files, objects.Count, Math.Min(done, total), total));
        }

        done += (long)blocks * CacheOptions.BlockSize;
    }
}
