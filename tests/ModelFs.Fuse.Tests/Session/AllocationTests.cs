using System.Buffers.Binary;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class AllocationTests
{
    private const int WarmUp = 2_000;
    private const int Measured = 20_000;

    [Theory]
    [InlineData(Opcode.Read)]
    [InlineData(Opcode.GetAttr)]
    [InlineData(Opcode.Lookup)]
    [InlineData(Opcode.ReadDirPlus)]
    [InlineData(Opcode.Open)]
    public async Task A_request_that_is_served_warm_allocates_nothing_also_while_it_is_measured(Opcode opcode)
    {
        long measured = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "ModelFs.Fuse") self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, _, _, _) => Interlocked.Increment(ref measured));
        listener.Start();
        byte[] body = opcode switch
        {
            Opcode.Read or Opcode.ReadDirPlus => KernelRequests.ReadBody(0, 0, 1 << 17),
            Opcode.GetAttr => new byte[16],
            Opcode.Lookup => KernelRequests.NameBody("hello.txt"),
            _ => KernelRequests.OpenBody(),
        };
        using var device = new RepeatingDevice(opcode, body);
        var session = new FuseSession(device, new HelloFileSystem(), new FuseMountOptions { ReaderThreads = 1 }, NullLoggerFactory.Instance);

        session.Start();
        await session.Completion.WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(WarmUp + Measured, device.Successes);
        Assert.Equal(0, device.AllocatedBytes);
        Assert.True(Interlocked.Read(ref measured) >= Measured);
    }

    /// <summary>Sends one request over and over, and counts what the thread that serves it allocates meanwhile.</summary>
    private sealed class RepeatingDevice(Opcode opcode, byte[] body) : IFuseDevice
    {
        private readonly byte[] init = ScriptedKernel.Message(Opcode.Init, 0, 2, KernelRequests.InitBody(7, 45, KernelRequests.Offered618));
        private readonly byte[] message = ScriptedKernel.Message(opcode, 2, 0, body);
        private ulong sent;
        private long allocatedBefore;

        public int Successes { get; private set; }

        public long AllocatedBytes { get; private set; } = -1;

        public Errno OpenBacking(SafeFileHandle file, out int backingId)
        {
            backingId = 0;
            return Errno.EOPNOTSUPP;
        }

        public Errno CloseBacking(int backingId) => Errno.ENOENT;

        public int Read(Span<byte> request)
        {
            if (sent++ == 0)
            {
                init.CopyTo(request);
                return init.Length;
            }

            if (sent == WarmUp + 2)
                allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
            if (sent == WarmUp + Measured + 2)
            {
                AllocatedBytes = GC.GetAllocatedBytesForCurrentThread() - allocatedBefore;
                return 0;
            }

            message.CopyTo(request);
            BinaryPrimitives.WriteUInt64LittleEndian(request[8..], sent * 2);
            return message.Length;
        }

        public Errno Write(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
        {
            if (sent > 1 && BinaryPrimitives.ReadInt32LittleEndian(header[4..]) == 0 && payload.Length > 0)
                Successes++;
            return Errno.None;
        }

        public void Dispose()
        {
        }
    }
}
