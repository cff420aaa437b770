using System.Text;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;
using Microsoft.Extensions.Logging.Abstractions;

namespace ModelFs.Cache.Tests;

public sealed class OrdinalTests : IDisposable
{
    private readonly string path = Path.Combine(Directory.CreateTempSubdirectory("modelfs-ordinals-").FullName, "ordinals");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);

    [Fact]
    public void A_key_keeps_its_number_across_restarts()
    {
        uint[] first = Numbers(10_000);
        Assert.Equal(10_000, first.Distinct().Count());
        Assert.DoesNotContain(0u, first);
        Assert.Equal(first, Numbers(10_000));
        using var table = Open();
        for (int i = 0; i < 10_000; i += 97)
            Assert.Equal(Key(i), table.Find(first[i]));
    }

    [Fact]
    public void A_number_that_was_never_given_has_no_key()
    {
        uint number = Numbers(1)[0];
        using var table = Open();
        Assert.Null(table.Find(0));
        Assert.Null(table.Find(number + 100));
        Assert.Null(table.Find(uint.MaxValue));
    }

    [Fact]
    public void Threads_agree_on_the_numbers()
    {
        using var table = Open();
        uint[][] all = [.. Enumerable.Range(0, 8).AsParallel().WithDegreeOfParallelism(8).Select(t => Enumerable.Range(0, 2000).Select(i => table.GetOrAdd(Key(i))).ToArray())];
        Assert.All(all, numbers => Assert.Equal(all[0], numbers));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(13)]
    public void A_torn_tail_is_stepped_over_and_its_place_is_not_used_again(int written)
    {
        uint[] before = Numbers(100);
        using (var file = File.OpenWrite(path))
            file.SetLength(before[99] * 8L + written);
        using var table = Open();
        for (int i = 0; i < 99; i++)
            Assert.Equal(before[i], table.GetOrAdd(Key(i)));
        Assert.Null(table.Find(before[99]));
        uint anew = table.GetOrAdd(Key(99));
        Assert.True(anew > before[99]);
    }

    [Fact]
    public void A_damaged_record_shifts_no_other()
    {
        uint[] before = Numbers(500);
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        byte[] good = File.ReadAllBytes(path);
        for (int round = 0; round < 100; round++)
        {
            byte[] bad = [.. good];
            int at = random.Next(bad.Length);
            bad[at] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, bad);
            using var table = Open();
            int lost = 0;
            for (int i = 0; i < 500; i++)
            {
                byte[]? key = table.Find(before[i]);
                Assert.True(key is null || key.AsSpan().SequenceEqual(Key(i)), $"seed {seed}: byte {at}, key {i}");
                lost += key is null ? 1 : 0;
                uint number = table.GetOrAdd(Key(i));
                Assert.True(key is null ? number > before[499] : number == before[i], $"seed {seed}: byte {at}, key {i}");
            }

            Assert.InRange(lost, 0, 1);
        }
    }

    [Fact]
    public void A_disk_that_hangs_holds_up_no_name_and_gets_them_all_when_it_is_back()
    {
        using var stuck = new ManualResetEventSlim();
        uint[] known = Numbers(5000), fresh;
        using (var table = Open(write: () => stuck.Wait(TestCache.Patience)))
        {
            fresh = [.. Enumerable.Range(5000, 1000).Select(i => table.GetOrAdd(Key(i)))];
            table.Settle();
            Assert.Equal(6000, known.Concat(fresh).Distinct().Count());
            Assert.Equal(known, Enumerable.Range(0, 5000).Select(i => table.GetOrAdd(Key(i))));
            Assert.Equal(Enumerable.Range(5000, 1000).Select(Key), fresh.Select(number => table.Find(number)!));
            stuck.Set();
        }

        Assert.Equal([.. known, .. fresh], Numbers(6000));
    }

    [Fact]
    public void A_name_that_the_disk_does_not_give_back_gets_another_number_and_no_two_names_ever_share_one()
    {
        using var stuck = new ManualResetEventSlim();
        uint[] known = Numbers(100), anew;
        using (var table = Open(read: () => stuck.Wait(TestCache.Patience)))
        {
            anew = [.. Enumerable.Range(0, 100).Select(i => table.GetOrAdd(Key(i)))];
            Assert.Null(table.Find(known[99]));
            Assert.Equal(Key(99), table.Find(anew[99]));
            stuck.Set();
        }

        using var after = Open();
        Assert.Equal([.. Enumerable.Range(0, 100), .. Enumerable.Range(0, 100)], known.Concat(anew).Select(number => Enumerable.Range(0, 100).Single(i => Key(i).SequenceEqual(after.Find(number)!))));
    }

    [Fact]
    public void Names_that_wait_for_a_disk_that_hangs_take_bounded_memory()
    {
        using var stuck = new ManualResetEventSlim();
        using var table = Open(write: () => stuck.Wait(TestCache.Patience));
        byte[] key = new byte[60_000];
        uint first = table.GetOrAdd(key), last = first;
        var refused = Assert.Throws<IOException>(() =>
        {
            for (int i = 1; i < 1000; i++)
            {
                key[0] = (byte)i;
                key[1] = (byte)(i >> 8);
                last = table.GetOrAdd(key);
            }
        });
        Assert.Contains("has not taken", refused.Message);
        Assert.InRange((last - first) * 8L, 30 << 20, 32 << 20);
        stuck.Set();
    }

    private uint[] Numbers(int count)
    {
        using var table = Open();
        return [.. Enumerable.Range(0, count).Select(i => table.GetOrAdd(Key(i)))];
    }

    private OrdinalTable Open(Action? write = null, Action? read = null) => OrdinalTable.Open(path, NullLogger.Instance, file => new OrdinalFile(
        file,
        NullLogger.Instance,
        (records, offset) =>
        {
            write?.Invoke();
            RandomAccess.Write(file, records, offset);
        },
        (target, offset) =>
        {
            read?.Invoke();
            return RandomAccess.Read(file, target, offset);
        },
        isCached: read is null));

    private static byte[] Key(int i) => Encoding.UTF8.GetBytes($"MLFLOW/model {i * 31}/{i}{new string('x', i % 23)}");
}
